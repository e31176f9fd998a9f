/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See paging.h. */
#include <writer/paging.h>

enum {
	ENTRY_VALID = 1 << 0,
	ENTRY_WRITE = 1 << 1,
	ENTRY_USER = 1 << 2,
	ENTRY_ACCESSED = 1 << 5,
	ENTRY_DIRTY = 1 << 6,
	ENTRY_LARGE = 1 << 7,
	ENTRY_GLOBAL = 1 << 8,
	ENTRY_COPY_ON_WRITE = 1 << 9,
	ENTRY_SOFTWARE_WRITE = 1 << 11,
	/* of an entry that is not valid */
	INVALID_SWIZZLED = 1 << 4,
	INVALID_PROTECTION_SHIFT = 5,
	INVALID_TRANSITION = 1 << 11,
	/* _MMPTE.Protection */
	PROTECTION_READONLY = 1,
	PROTECTION_EXECUTE_READ = 3,
	PROTECTION_READWRITE = 4,
	PROTECTION_EXECUTE_READWRITE = 6,
};

#define ENTRY_FRAME	 UINT64_C(0x0000fffffffff000)
#define ENTRY_NO_EXECUTE (UINT64_C(1) << 63)

const struct paging_arch paging_arch_x64 = {
	.name = "x64",
	.pointer_size = 8,
	.entry_size = 8,
	.levels = 4,
	.shift = {39, 30, 21, 12},
	.entries = {512, 512, 512, 512},
	.kernel_index = 256,
	.sign = UINT64_C(0xffff000000000000),
	.large_level = 2,
};

const struct paging_arch paging_arch_pae = {
	.name = "PAE",
	.pointer_size = 4,
	.entry_size = 8,
	.levels = 3,
	.shift = {30, 21, 12},
	.entries = {4, 512, 512},
	.kernel_index = 2,
	.large_level = 1,
	.share_level = 1,
};

const struct paging_arch paging_arch_x86 = {
	.name = "x86",
	.pointer_size = 4,
	.entry_size = 4,
	.levels = 2,
	.shift = {22, 12},
	.entries = {1024, 1024},
	.kernel_index = 512,
	.large_level = 0,
};

struct paging {
	const struct paging_arch *arch;
	struct ram *ram;
	uint64_t root;
	unsigned int self_index;
	struct paging_swizzle swizzle;
	struct paging **sharers; /* of a kernel: the spaces that share its upper half */
	size_t sharer_count;
	size_t sharer_capacity;
	uint32_t age; /* varies the software bits of entries */
	/* Without PAE entries don't say what can be executed: a bit for each page of 4 GB; else NULL */
	uint8_t *executable;
};

static uint8_t *entry_at(const struct paging *paging, uint64_t table, unsigned int level,
			 uint64_t va)
{
	const struct paging_arch *arch = paging->arch;
	uint64_t index = (va >> arch->shift[level]) & (arch->entries[level] - 1);
	return ram_at(paging->ram, table) + index * arch->entry_size;
}

static bool is_kernel(const struct paging *paging, uint64_t va)
{
	const struct paging_arch *arch = paging->arch;
	return ((va >> arch->shift[0]) & (arch->entries[0] - 1)) >= arch->kernel_index;
}

static uint64_t frame_mask(const struct paging *paging)
{
	return paging->arch->entry_size == 4 ? UINT64_C(0xfffff000) : ENTRY_FRAME;
}

static uint64_t table_entry(const struct paging *paging, uint64_t frame)
{
	return frame | ENTRY_VALID | ENTRY_WRITE | ENTRY_ACCESSED | ENTRY_DIRTY |
	       (paging->arch == &paging_arch_x64 ? ENTRY_NO_EXECUTE : 0);
}

/* The four page directories: the third is the kernel's for everybody, the fourth begins with
 * entries of all four. */
static void new_directories(struct paging *paging, const struct paging *kernel)
{
	enum { DIRECTORIES = 4, SHARED = 2, LAST = 3 };
	struct ram *ram = paging->ram;
	uint64_t frames[DIRECTORIES];
	for (unsigned int i = 0; i < DIRECTORIES; i++) {
		uint8_t *entry = ram_at(ram, paging->root) + i * 8;
		uint64_t theirs =
			kernel ? util_get(ram_at(ram, kernel->root) + i * 8, 8) & ENTRY_FRAME : 0;
		frames[i] = kernel && i == SHARED ? theirs : ram_take(ram);
		if (kernel && i == LAST)
			memcpy(ram_at(ram, frames[i]), ram_at(ram, theirs), PAGE);
		util_put(entry, frames[i] | ENTRY_VALID, 8);
	}
	for (unsigned int i = 0; i < DIRECTORIES; i++)
		util_put(ram_at(ram, frames[LAST]) + i * 8, table_entry(paging, frames[i]), 8);
}

struct paging *paging_new(const struct paging_arch *arch, struct ram *ram, struct paging *kernel,
			  uint64_t root, unsigned int self_index,
			  const struct paging_swizzle *swizzle)
{
	struct paging *paging = util_alloc(1, sizeof(*paging));
	paging->arch = arch;
	paging->ram = ram;
	paging->self_index = self_index;
	paging->swizzle = *swizzle;
	/* CR3 of 32-bit processors has 32 bits, however much memory there is. */
	paging->root = root			  ? ram_take_at(ram, root)
		       : arch == &paging_arch_x64 ? ram_take(ram)
						  : ram_take_below(ram, UINT64_C(1) << 32);
	if (kernel)
		*util_push(kernel->sharers, kernel->sharer_count, kernel->sharer_capacity) = paging;
	if (arch == &paging_arch_x86)
		paging->executable = util_alloc(1 << 17, 1);
	if (arch == &paging_arch_pae) {
		/* a table of 32 bytes, many in one page */
		if (!root)
			paging->root += 32 * (1 + paging->root / PAGE % 120);
		new_directories(paging, kernel);
		return paging;
	}
	uint8_t *top = ram_at(ram, paging->root);
	if (kernel) {
		size_t from = (size_t)arch->kernel_index * arch->entry_size;
		memcpy(top + from, ram_at(ram, kernel->root) + from,
		       (size_t)arch->entries[0] * arch->entry_size - from);
	}
	util_put(top + (size_t)self_index * arch->entry_size, table_entry(paging, paging->root),
		 arch->entry_size);
	return paging;
}

void paging_free(struct paging *paging)
{
	free(paging->sharers);
	free(paging->executable);
	free(paging);
}

uint64_t paging_root(const struct paging *paging)
{
	return paging->root;
}

const struct paging_arch *paging_arch_of(const struct paging *paging)
{
	return paging->arch;
}

/* An entry of a table that is no leaf. Some of the kernel's belong to every process at once. */
static void store(struct paging *paging, uint64_t table, unsigned int level, uint64_t va,
		  uint64_t entry)
{
	const unsigned int size = paging->arch->entry_size;
	util_put(entry_at(paging, table, level, va), entry, size);
	if (level != paging->arch->share_level || !is_kernel(paging, va))
		return;
	for (size_t i = 0; i < paging->sharer_count; i++) {
		const struct paging *sharer = paging->sharers[i];
		uint64_t theirs = sharer->root;
		for (unsigned int k = 0; k < level; k++)
			theirs = util_get(entry_at(sharer, theirs, k, va), size) &
				 frame_mask(sharer);
		util_put(entry_at(sharer, theirs, level, va), entry, size);
	}
}

/* The table of `level` that `va` goes through, made when there is none. */
static uint64_t table_for(struct paging *paging, uint64_t va, unsigned int level)
{
	uint64_t table = paging->root;
	const unsigned int size = paging->arch->entry_size;
	for (unsigned int i = 0; i < level; i++) {
		uint8_t *p = entry_at(paging, table, i, va);
		uint64_t entry = util_get(p, size);
		if (entry & ENTRY_LARGE)
			util_die("%#llx lies in a large page", (unsigned long long)va);
		if (!(entry & ENTRY_VALID)) {
			entry = ram_take(paging->ram) | ENTRY_VALID | ENTRY_WRITE | ENTRY_ACCESSED |
				ENTRY_DIRTY | ENTRY_SOFTWARE_WRITE;
			if (!is_kernel(paging, va))
				entry |= ENTRY_USER;
			store(paging, table, i, va, entry);
		}
		table = entry & frame_mask(paging);
	}
	return table;
}

uint64_t paging_valid_entry(struct paging *paging, uint64_t frame, unsigned int flags)
{
	uint64_t entry = frame | ENTRY_VALID | ENTRY_ACCESSED;
	if (flags & PAGE_WRITE)
		entry |= ENTRY_WRITE | ENTRY_SOFTWARE_WRITE | ENTRY_DIRTY;
	if (flags & PAGE_DIRTY)
		entry |= ENTRY_DIRTY;
	if (flags & PAGE_USER)
		entry |= ENTRY_USER;
	if (flags & PAGE_GLOBAL)
		entry |= ENTRY_GLOBAL;
	if (flags & PAGE_COPY_ON_WRITE)
		entry |= ENTRY_COPY_ON_WRITE;
	if (paging->arch->entry_size == 8) {
		/* working set age and index: bits 52 to 62, which the processor ignores */
		entry |= (uint64_t)(paging->age++ % 7) << 56;
		if (!(flags & PAGE_EXECUTE))
			entry |= ENTRY_NO_EXECUTE;
	}
	return entry;
}

void paging_map(struct paging *paging, uint64_t va, uint64_t frame, unsigned int flags)
{
	if (va % PAGE || frame % PAGE)
		util_die("%#llx -> %#llx is not a page", (unsigned long long)va,
			 (unsigned long long)frame);
	paging_set_entry(paging, va, paging_valid_entry(paging, frame, flags));
	if (!paging->executable)
		return;
	uint8_t *byte = &paging->executable[va / PAGE / 8], bit = (uint8_t)(1 << va / PAGE % 8);
	*byte = (uint8_t)(flags & PAGE_EXECUTE ? *byte | bit : *byte & ~bit);
}

void paging_map_large(struct paging *paging, uint64_t va, uint64_t frame, unsigned int flags)
{
	unsigned int level = paging->arch->large_level;
	uint64_t size = UINT64_C(1) << paging->arch->shift[level];
	if (va % size || frame % size)
		util_die("%#llx -> %#llx is not a large page", (unsigned long long)va,
			 (unsigned long long)frame);
	uint8_t *p = entry_at(paging, table_for(paging, va, level), level, va);
	util_put(p, paging_valid_entry(paging, frame, flags | PAGE_DIRTY) | ENTRY_LARGE,
		 paging->arch->entry_size);
}

void paging_map_new(struct paging *paging, uint64_t va, uint64_t size, unsigned int flags)
{
	for (uint64_t at = 0; at < size; at += PAGE)
		paging_map(paging, va + at, ram_take(paging->ram), flags);
}

uint64_t paging_entry(const struct paging *paging, uint64_t va)
{
	uint64_t table = paging->root;
	const unsigned int size = paging->arch->entry_size;
	for (unsigned int i = 0; i + 1 < paging->arch->levels; i++) {
		uint64_t entry = util_get(entry_at(paging, table, i, va), size);
		if (!(entry & ENTRY_VALID) || (entry & ENTRY_LARGE))
			return 0;
		table = entry & frame_mask(paging);
	}
	return util_get(entry_at(paging, table, paging->arch->levels - 1, va), size);
}

void paging_set_entry(struct paging *paging, uint64_t va, uint64_t entry)
{
	unsigned int leaf = paging->arch->levels - 1;
	util_put(entry_at(paging, table_for(paging, va, leaf), leaf, va), entry,
		 paging->arch->entry_size);
}

unsigned int paging_protection(const struct paging *paging, uint64_t va)
{
	uint64_t entry = paging_entry(paging, va);
	bool execute = !(entry & ENTRY_NO_EXECUTE), write = entry & ENTRY_SOFTWARE_WRITE;
	if (paging->executable)
		execute = paging->executable[va / PAGE / 8] >> va / PAGE % 8 & 1;
	if (execute)
		return write ? PROTECTION_EXECUTE_READWRITE : PROTECTION_EXECUTE_READ;
	return write ? PROTECTION_READWRITE : PROTECTION_READONLY;
}

uint64_t paging_swizzle(const struct paging *paging, uint64_t entry)
{
	const struct paging_swizzle *swizzle = &paging->swizzle;
	if (swizzle->plain || entry & swizzle->mask)
		return entry | INVALID_SWIZZLED;
	return entry | swizzle->mask;
}

void paging_set_state(struct paging *paging, uint64_t va, enum page_state state)
{
	uint64_t old = paging_entry(paging, va), entry = 0;
	if (!(old & ENTRY_VALID))
		util_die("%#llx is not valid: its state can't be changed", (unsigned long long)va);
	switch (state) {
	case PAGE_VALID:
		entry = old;
		break;
	case PAGE_TRANSITION:
		entry = (old & frame_mask(paging)) | INVALID_TRANSITION |
			(uint64_t)paging_protection(paging, va) << INVALID_PROTECTION_SHIFT;
		entry = paging_swizzle(paging, entry);
		break;
	case PAGE_ZERO:
		break;
	default:
		util_die("page state %d needs more than a page table", (int)state);
	}
	paging_set_entry(paging, va, entry);
}

void paging_clear_user(struct paging *paging)
{
	memset(ram_at(paging->ram, paging->root), 0,
	       (size_t)paging->arch->kernel_index * paging->arch->entry_size);
}

bool paging_translate(const struct paging *paging, uint64_t va, uint64_t *physical)
{
	const struct paging_arch *arch = paging->arch;
	uint64_t table = paging->root;
	for (unsigned int i = 0; i < arch->levels; i++) {
		uint64_t entry = util_get(entry_at(paging, table, i, va), arch->entry_size);
		uint64_t within = va & ((UINT64_C(1) << arch->shift[i]) - 1);
		if (i + 1 == arch->levels) {
			/* Prototype (bit 10) set means that the upper bits are no frame. */
			bool transition = (entry & INVALID_TRANSITION) && !(entry & 1 << 10);
			if (transition && !(entry & INVALID_SWIZZLED))
				entry &= ~paging->swizzle.mask;
			*physical = (entry & frame_mask(paging)) + within;
			return (entry & ENTRY_VALID) || transition;
		}
		if (!(entry & ENTRY_VALID))
			return false;
		if (i == arch->large_level && (entry & ENTRY_LARGE)) {
			*physical = (entry & frame_mask(paging)) + within;
			return true;
		}
		table = entry & frame_mask(paging);
	}
	return false;
}

/* The bytes of `va`, and how many of `size` lie in its page. */
static uint8_t *bytes_at(const struct paging *paging, uint64_t va, uint64_t size, uint64_t *part)
{
	uint64_t physical;
	if (!paging_translate(paging, va, &physical))
		util_die("%#llx is not mapped", (unsigned long long)va);
	*part = PAGE - va % PAGE < size ? PAGE - va % PAGE : size;
	return ram_at(paging->ram, physical);
}

void paging_write(struct paging *paging, uint64_t va, const void *data, uint64_t size)
{
	const uint8_t *from = data;
	while (size) {
		uint64_t part;
		uint8_t *to = bytes_at(paging, va, size, &part);
		memcpy(to, from, part);
		from += part;
		va += part;
		size -= part;
	}
}

void paging_read(const struct paging *paging, uint64_t va, void *data, uint64_t size)
{
	uint8_t *to = data;
	while (size) {
		uint64_t part;
		const uint8_t *from = bytes_at(paging, va, size, &part);
		memcpy(to, from, part);
		to += part;
		va += part;
		size -= part;
	}
}

void paging_put(struct paging *paging, uint64_t va, uint64_t value, unsigned int size)
{
	uint8_t bytes[8];
	util_put(bytes, value, size);
	paging_write(paging, va, bytes, size);
}

uint64_t paging_get(const struct paging *paging, uint64_t va, unsigned int size)
{
	uint8_t bytes[8];
	paging_read(paging, va, bytes, size);
	return util_get(bytes, size);
}

void paging_put_pointer(struct paging *paging, uint64_t va, uint64_t value)
{
	paging_put(paging, va, value, paging->arch->pointer_size);
}

uint64_t paging_get_pointer(const struct paging *paging, uint64_t va)
{
	return paging_get(paging, va, paging->arch->pointer_size);
}
