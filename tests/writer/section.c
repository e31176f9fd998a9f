/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sections: what image and data views map. Control area, subsections, segment with its prototype
 * PTEs, file object. See guest.h.
 *
 * Facts: the structures of the published symbols; a control area's subsections follow it, an
 * image has one for its headers and one for each PE section, and its prototype PTEs form one
 * array ("Windows Internals", 7th edition, part 1, chapter 5). A page that nobody has in his
 * working set is in transition or, when its frame was taken, named by its subsection.
 */
#include <writer/guest.h>

enum {
	FILE_OBJECT_TYPE = 5,
	REFERENCES = 15, /* unused references of a fast reference to a file object */
	REFERENCE_MASK = 7,
};

struct guest_section *guest_section_new(struct guest *guest, const char *file, size_t pages,
					unsigned int protection)
{
	struct guest_section *section = util_alloc(1, sizeof(*section));
	section->file = file ? util_strdup(file) : NULL;
	section->pages = pages;
	section->protection = protection;
	section->frames = util_alloc(pages, sizeof(*section->frames));
	section->states = util_alloc(pages, sizeof(*section->states));
	*util_push(guest->sections, guest->section_count, guest->section_capacity) = section;
	return section;
}

void guest_section_free(struct guest_section *section)
{
	free(section->file);
	free(section->frames);
	free(section->states);
	free(section);
}

uint64_t guest_frame_of_text(struct guest *guest)
{
	uint64_t frame = ram_take(guest->ram), seed = util_random(&guest->random);
	uint8_t *bytes = ram_at(guest->ram, frame);
	for (size_t i = 0; i < PAGE; i += 8)
		util_put(bytes + i, i % 64 ? seed % 0x100 + i * 0x10001 : seed ^ i, 8);
	return frame;
}

static uint64_t device(struct guest *guest)
{
	if (!guest->device) {
		guest->device = guest_object_new(guest, GUEST_TYPE_DEVICE, 0x150, "Devi");
		paging_put(guest->kernel, guest->device, 3, 2); /* Type */
		paging_put(guest->kernel, guest->device + 2, 0x150, 2);
	}
	return guest->device;
}

/* The name of a file; one that is to be absent has a page of its own. */
static void put_name(struct guest *guest, const struct guest_section *section, uint64_t va)
{
	if (section->name_state == PAGE_VALID) {
		guest_put_kernel_string(guest, va, section->file);
		return;
	}
	size_t size;
	uint8_t *units = util_utf16(section->file, &size);
	uint64_t buffer = guest_pool_alloc(guest, GUEST_PAGED, (uint32_t)PAGE, "File");
	guest_put_string(guest->kernel, va, buffer, units, size);
	free(units);
	guest_kernel_state(guest, buffer, section->name_state);
}

static void new_file_object(struct guest *guest, struct guest_section *section)
{
	static const char type[] = "_FILE_OBJECT";
	const struct layout *layout = guest->layout;
	struct paging *space = guest->kernel;
	uint64_t file = guest_object_new(guest, GUEST_TYPE_FILE, size_of(layout, type), "File");
	section->file_object = file;
	guest_put(guest, space, file, type, "Type", FILE_OBJECT_TYPE, 2);
	guest_put(guest, space, file, type, "Size", size_of(layout, type), 2);
	guest_put_pointer(guest, space, file, type, "DeviceObject", device(guest));
	put_name(guest, section, file + offset_of(layout, type, "FileName"));
	static const char pointers_type[] = "_SECTION_OBJECT_POINTERS";
	uint64_t pointers =
		guest_pool_alloc(guest, GUEST_NONPAGED, size_of(layout, pointers_type), "MmSo");
	guest_put_pointer(guest, space, pointers, pointers_type,
			  section->image ? "ImageSectionObject" : "DataSectionObject",
			  section->control_area);
	guest_put_pointer(guest, space, file, type, "SectionObjectPointer", pointers);
	/* a fast reference keeps a count in the low bits of an aligned address */
	unsigned int count = paging_arch_of(space)->pointer_size == 8 ? REFERENCES : REFERENCE_MASK;
	guest_put_pointer(guest, space, section->control_area, "_CONTROL_AREA", "FilePointer",
			  file | count);
}

size_t guest_section_parts(const struct guest_section *section, size_t starts[GUEST_MAX_PARTS])
{
	size_t count = 1;
	starts[0] = 0;
	if (!section->image)
		return count;
	const struct pefile *pe = section->image->pe;
	for (size_t i = 0; i < pe->section_count; i++) {
		size_t start = pe->sections[i].rva / PAGE;
		if (start <= starts[count - 1] || start >= section->pages)
			continue;
		if (count == GUEST_MAX_PARTS)
			util_die("%s has too many sections", section->file);
		starts[count++] = start;
	}
	return count;
}

static void put_subsections(struct guest *guest, const struct guest_section *section,
			    const size_t *starts, size_t count)
{
	static const char type[] = "_SUBSECTION";
	struct paging *space = guest->kernel;
	const uint32_t size = size_of(guest->layout, type);
	uint32_t sector = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t va = section->subsection + i * size;
		size_t pages = (i + 1 < count ? starts[i + 1] : section->pages) - starts[i];
		guest_put_pointer(guest, space, va, type, "ControlArea", section->control_area);
		guest_put_pointer(guest, space, va, type, "SubsectionBase",
				  section->prototypes + starts[i] * guest->pte_size);
		guest_put_pointer(guest, space, va, type, "NextSubsection",
				  i + 1 < count ? va + size : 0);
		guest_put(guest, space, va, type, "PtesInSubsection", pages, 4);
		if (layout_has(guest->layout, type, "StartingSector"))
			guest_put(guest, space, va, type, "StartingSector", sector, 4);
		if (layout_has(guest->layout, type, "NumberOfFullSectors"))
			guest_put(guest, space, va, type, "NumberOfFullSectors", pages * 8, 4);
		sector += (uint32_t)pages * 8;
	}
}

static void put_segment(struct guest *guest, struct guest_section *section)
{
	static const char type[] = "_SEGMENT";
	struct paging *space = guest->kernel;
	section->segment =
		guest_pool_alloc(guest, GUEST_PAGED, size_of(guest->layout, type), "MmSt");
	section->prototypes = guest_pool_alloc(
		guest, GUEST_PAGED, (uint32_t)(section->pages * guest->pte_size), "MmSt");
	guest_put_pointer(guest, space, section->segment, type, "ControlArea",
			  section->control_area);
	guest_put(guest, space, section->segment, type, "TotalNumberOfPtes", section->pages, 4);
	guest_put(guest, space, section->segment, type, "SizeOfSegment", section->pages * PAGE, 8);
	guest_put_pointer(guest, space, section->segment, type, "PrototypePte",
			  section->prototypes);
	if (section->image && layout_has(guest->layout, type, "BasedAddress"))
		guest_put_pointer(guest, space, section->segment, type, "BasedAddress",
				  section->image->base);
}

/* The originals of pages that all processes have copies of: most were trimmed, some reused. */
static void make_frames(struct guest *guest, struct guest_section *section)
{
	struct guest_image *image = section->image;
	for (size_t i = 0; image && i < section->pages; i++) {
		if (section->frames[i] || section->states[i] != PAGE_VALID)
			continue;
		if (util_random_below(&guest->random, 2)) {
			section->states[i] = PAGE_FILE;
			continue;
		}
		section->frames[i] = ram_take(guest->ram);
		memcpy(ram_at(guest->ram, section->frames[i]), image->relocated + i * PAGE, PAGE);
		section->states[i] = PAGE_TRANSITION;
	}
}

unsigned int guest_section_protection(const struct guest_section *section, size_t page)
{
	enum { READONLY = 1, EXECUTE_READ = 3, WRITECOPY = 5, EXECUTE_WRITECOPY = 7 };
	if (!section->image)
		return section->protection;
	unsigned int flags = section->image->flags[page];
	if (flags & PAGE_EXECUTE)
		return flags & PAGE_WRITE ? EXECUTE_WRITECOPY : EXECUTE_READ;
	return flags & PAGE_WRITE ? WRITECOPY : READONLY;
}

static uint64_t subsection_of(struct guest *guest, const struct guest_section *section, size_t page)
{
	size_t starts[GUEST_MAX_PARTS], count = guest_section_parts(section, starts);
	while (count > 1 && starts[count - 1] > page)
		count--;
	return section->subsection + (count - 1) * size_of(guest->layout, "_SUBSECTION");
}

uint64_t guest_section_prototype(const struct guest *guest, const struct guest_section *section,
				 size_t page)
{
	return section->prototypes + page * guest->pte_size;
}

void guest_section_put(struct guest *guest, const struct guest_section *section, size_t page)
{
	unsigned int protection = guest_section_protection(section, page);
	uint64_t entry = 0, frame = section->frames[page];
	bool write = protection == 4;
	switch (section->states[page]) {
	case PAGE_VALID:
		if (frame)
			entry = paging_valid_entry(guest->kernel, frame,
						   (protection & 2 ? PAGE_EXECUTE : 0) |
							   (write ? PAGE_WRITE : 0));
		break;
	case PAGE_TRANSITION:
		entry = guest_pte_transition(guest, frame, protection);
		break;
	case PAGE_FILE:
		entry = guest_pte_subsection(guest, subsection_of(guest, section, page),
					     protection);
		break;
	case PAGE_PAGEFILE:
	case PAGE_COMPRESSED:
		entry = guest_pte_out(guest, frame, section->states[page], protection);
		break;
	default:
		util_die("a prototype PTE has no state %d", (int)section->states[page]);
	}
	paging_put(guest->kernel, guest_section_prototype(guest, section, page), entry,
		   guest->pte_size);
}

void guest_section_write(struct guest *guest, struct guest_section *section)
{
	const struct layout *layout = guest->layout;
	size_t starts[GUEST_MAX_PARTS], count = guest_section_parts(section, starts);
	const uint32_t control_size = (uint32_t)util_round_up(size_of(layout, "_CONTROL_AREA"), 8);
	section->control_area =
		guest_pool_alloc(guest, GUEST_NONPAGED,
				 control_size + (uint32_t)count * size_of(layout, "_SUBSECTION"),
				 section->image ? "MmCi" : "MmCa");
	section->subsection = section->control_area + control_size;
	put_segment(guest, section);
	make_frames(guest, section);
	put_subsections(guest, section, starts, count);
	struct paging *space = guest->kernel;
	guest_put_pointer(guest, space, section->control_area, "_CONTROL_AREA", "Segment",
			  section->segment);
	uint64_t flags = section->control_area + offset_of(layout, "_CONTROL_AREA", "u");
	if (section->file)
		guest_put_bits(guest, flags, "_MMSECTION_FLAGS", "File", 1);
	else
		guest_put_bits(guest, flags, "_MMSECTION_FLAGS", "Commit", 1);
	if (section->image)
		guest_put_bits(guest, flags, "_MMSECTION_FLAGS", "Image", 1);
	if (section->file)
		new_file_object(guest, section);
	for (size_t i = 0; i < section->pages; i++)
		guest_section_put(guest, section, i);
}

uint64_t guest_section_object_new(struct guest *guest, const struct guest_section *section)
{
	const struct layout *layout = guest->layout;
	bool new_kind = layout_has(layout, "_SECTION", "u1");
	const char *type = new_kind ? "_SECTION" : "_SECTION_OBJECT";
	uint64_t object =
		guest_object_new(guest, GUEST_TYPE_SECTION, size_of(layout, type), "Sect");
	if (new_kind)
		guest_put_pointer(guest, guest->kernel, object, type, "u1", section->control_area);
	else
		guest_put_pointer(guest, guest->kernel, object, type, "Segment", section->segment);
	return object;
}
