/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Virtual address descriptors: which ranges of a process are in use, as a balanced tree. See
 * guest.h.
 *
 * Facts: the structures of the published symbols. The tree's shape by version: nodes with Parent
 * (XP), MM_AVL_TABLE over MMADDRESS_NODE (Server 2003 to 7) or MM_AVL_NODE (8), RTL_AVL_TREE over
 * RTL_BALANCED_NODE (8.1 on; page numbers there have 32 bits and a byte above them). Short nodes
 * describe private memory, tagged "VadS"; the others views of sections, tagged "Vad ".
 */
#include <writer/guest.h>

enum { VAD_IMAGE_MAP = 2, PROTECTION_IMAGE = 7 };

struct guest_vad *guest_vad_add(struct guest_process *process, uint64_t start, uint64_t size,
				unsigned int protection)
{
	for (size_t i = 0; i < process->vad_count; i++) {
		const struct guest_vad *other = process->vads[i];
		if (start <= other->end && other->start < start + size)
			util_die("%s (%u): %#llx is in use", process->name, process->pid,
				 (unsigned long long)start);
	}
	struct guest_vad *vad = util_alloc(1, sizeof(*vad));
	vad->start = start;
	vad->end = start + util_round_up(size, PAGE) - 1;
	vad->protection = protection;
	*util_push(process->vads, process->vad_count, process->vad_capacity) = vad;
	return vad;
}

struct guest_vad *guest_vad_add_view(struct guest_process *process, uint64_t start,
				     struct guest_section *section)
{
	struct guest_vad *vad =
		guest_vad_add(process, start, section->pages * PAGE,
			      section->image ? PROTECTION_IMAGE : section->protection);
	vad->section = section;
	return vad;
}

struct guest_vad *guest_vad_find(const struct guest_process *process, uint64_t va)
{
	for (size_t i = 0; i < process->vad_count; i++) {
		if (va >= process->vads[i]->start && va <= process->vads[i]->end)
			return process->vads[i];
	}
	return NULL;
}

void guest_vad_remove(struct guest_process *process, uint64_t start)
{
	for (size_t i = 0; i < process->vad_count; i++) {
		if (process->vads[i]->start != start)
			continue;
		free(process->vads[i]);
		process->vads[i] = process->vads[--process->vad_count];
		return;
	}
	util_die("%s (%u): no VAD at %#llx", process->name, process->pid,
		 (unsigned long long)start);
}

uint64_t guest_area(struct guest_process *process, uint64_t size)
{
	enum { GRANULARITY = 0x10000 };
	uint64_t gap = (1 + util_random_below(&process->guest->random, 8)) * GRANULARITY;
	uint64_t va = process->area + gap;
	process->area = va + util_round_up(size, GRANULARITY);
	return va;
}

uint64_t guest_area32(struct guest_process *process, uint64_t size, bool below)
{
	if (!below || !process->wow64)
		return guest_area(process, size);
	uint64_t area = process->area;
	process->area = process->area32;
	uint64_t va = guest_area(process, size);
	process->area32 = process->area;
	process->area = area;
	return va;
}

uint64_t guest_region_new32(struct guest_process *process, uint64_t size, unsigned int protection,
			    unsigned int flags, bool below)
{
	uint64_t va = guest_area32(process, size, below);
	size = util_round_up(size, PAGE);
	guest_vad_add(process, va, size, protection)->commit = true;
	paging_map_new(process->space, va, size, flags | PAGE_USER);
	return va;
}

uint64_t guest_region_new(struct guest_process *process, uint64_t size, unsigned int protection,
			  unsigned int flags)
{
	return guest_region_new32(process, size, protection, flags, false);
}

/* How the build names what links a node to others. */
struct links {
	uint32_t left, right, parent;
	bool balance; /* the parent's low two bits hold the balance */
	bool avl_table;
};

static struct links links_of(const struct guest *guest)
{
	const struct layout *layout = guest->layout;
	static const char node[] = "_MMVAD_SHORT";
	struct links links = {.avl_table = layout_has(layout, "_MM_AVL_TABLE", "BalancedRoot") &&
					   guest->build < 9600,
			      .balance = true};
	if (layout_has(layout, node, "VadNode")) {
		bool avl = links.avl_table;
		const char *type = avl ? "_MM_AVL_NODE" : "_RTL_BALANCED_NODE";
		uint32_t base = offset_of(layout, node, "VadNode");
		links.left = base + offset_of(layout, type, avl ? "LeftChild" : "Left");
		links.right = base + offset_of(layout, type, avl ? "RightChild" : "Right");
		links.parent = base + offset_of(layout, type, avl ? "u1" : "ParentValue");
		return links;
	}
	links.balance = !layout_has(layout, node, "Parent");
	links.left = offset_of(layout, node, "LeftChild");
	links.right = offset_of(layout, node, "RightChild");
	links.parent = offset_of(layout, node, links.balance ? "u1" : "Parent");
	return links;
}

static uint64_t committed_pages(const struct guest_process *process, const struct guest_vad *vad)
{
	uint64_t pages = 0;
	for (uint64_t va = vad->start; va < vad->end; va += PAGE)
		pages += paging_entry(process->space, va) != 0;
	return pages;
}

static void put_numbers(struct guest *guest, const struct guest_vad *vad)
{
	static const char type[] = "_MMVAD_SHORT";
	struct paging *space = guest->kernel;
	/* 32 bits where a byte above them or a short address space makes that enough */
	uint32_t size = layout_has(guest->layout, type, "VadNode")
				? 4
				: paging_arch_of(space)->pointer_size;
	uint64_t first = vad->start / PAGE, last = vad->end / PAGE;
	guest_put(guest, space, vad->node, type, "StartingVpn", first, size);
	guest_put(guest, space, vad->node, type, "EndingVpn", last, size);
	guest_put_if(guest, space, vad->node, type, "StartingVpnHigh", first >> 32, 1);
	guest_put_if(guest, space, vad->node, type, "EndingVpnHigh", last >> 32, 1);
}

static void put_flags(struct guest_process *process, const struct guest_vad *vad)
{
	struct guest *guest = process->guest;
	const struct layout *layout = guest->layout;
	uint64_t flags = vad->node + offset_of(layout, "_MMVAD_SHORT", "u");
	static const char type[] = "_MMVAD_FLAGS";
	guest_put_bits(guest, flags, type, "Protection", vad->protection);
	guest_put_bits(guest, flags, type, "PrivateMemory", !vad->section);
	bool image = vad->section && vad->section->image;
	if (layout_has(layout, type, "VadType"))
		guest_put_bits(guest, flags, type, "VadType", image ? VAD_IMAGE_MAP : 0);
	else
		guest_put_bits(guest, flags, type, "ImageMap", image);
	uint64_t pages = !vad->section || image ? committed_pages(process, vad) : 0;
	if (layout_has(layout, type, "CommitCharge")) {
		guest_put_bits(guest, flags, type, "CommitCharge", pages);
		guest_put_bits(guest, flags, type, "MemCommit", vad->commit);
	} else if (layout_has(layout, "_MMVAD_FLAGS1", "CommitCharge")) {
		uint64_t more = vad->node + offset_of(layout, "_MMVAD_SHORT", "u1");
		guest_put_bits(guest, more, "_MMVAD_FLAGS1", "CommitCharge", pages);
		guest_put_bits(guest, more, "_MMVAD_FLAGS1", "MemCommit", vad->commit);
	} else {
		guest_put_if(guest, guest->kernel, vad->node, "_MMVAD_SHORT", "CommitCharge", pages,
			     4);
	}
}

static void put_view(struct guest_process *process, const struct guest_vad *vad)
{
	static const char type[] = "_MMVAD";
	struct guest *guest = process->guest;
	const struct guest_section *section = vad->section;
	struct paging *space = guest->kernel;
	size_t last = vad->first_page + (vad->end - vad->start) / PAGE;
	if (section->image && guest->options.views == GUEST_VIEWS_BARE)
		return;
	if (layout_has(guest->layout, type, "Subsection"))
		guest_put_pointer(guest, space, vad->node, type, "Subsection",
				  section->subsection +
					  vad->part * size_of(guest->layout, "_SUBSECTION"));
	else
		guest_put_pointer(guest, space, vad->node, type, "ControlArea",
				  section->control_area);
	guest_put_pointer(guest, space, vad->node, type, "FirstPrototypePte",
			  guest_section_prototype(guest, section, vad->first_page));
	guest_put_pointer(guest, space, vad->node, type, "LastContiguousPte",
			  guest_section_prototype(guest, section, last));
	if (layout_has(guest->layout, type, "ViewLinks"))
		guest_list_init(space, vad->node + offset_of(guest->layout, type, "ViewLinks"));
	if (layout_has(guest->layout, type, "VadsProcess"))
		guest_put_pointer(guest, space, vad->node, type, "VadsProcess",
				  process->eprocess | 1);
}

/* The VADs that are written of a process. */
struct nodes {
	struct guest_vad *items;
	size_t count, capacity;
};

/* Links the subtree of nodes[low .. high) below `parent`; returns its root and its height. */
static uint64_t link_tree(struct guest_process *process, const struct nodes *nodes,
			  const struct links *links, size_t low, size_t high, uint64_t parent,
			  unsigned int *height)
{
	*height = 0;
	if (low == high)
		return 0;
	size_t middle = low + (high - low) / 2;
	uint64_t node = nodes->items[middle].node;
	unsigned int left_height, right_height;
	struct paging *space = process->guest->kernel;
	uint64_t left = link_tree(process, nodes, links, low, middle, node, &left_height);
	uint64_t right = link_tree(process, nodes, links, middle + 1, high, node, &right_height);
	/* two bits, signed: 1 right heavy, 3 left heavy */
	uint64_t balance = links->balance ? (right_height - left_height) & 3 : 0;
	paging_put_pointer(space, node + links->left, left);
	paging_put_pointer(space, node + links->right, right);
	paging_put_pointer(space, node + links->parent, parent | balance);
	*height = 1 + (left_height > right_height ? left_height : right_height);
	return node;
}

static int compare_vads(const void *a, const void *b)
{
	const struct guest_vad *const *x = a, *const *y = b;
	return ((*x)->start > (*y)->start) - ((*x)->start < (*y)->start);
}

static void put_root(struct guest_process *process, const struct nodes *nodes,
		     const struct links *links)
{
	struct guest *guest = process->guest;
	const struct layout *layout = guest->layout;
	struct paging *space = guest->kernel;
	uint64_t root = process->eprocess + offset_of(layout, "_EPROCESS", "VadRoot");
	uint64_t table =
		links->avl_table ? root + offset_of(layout, "_MM_AVL_TABLE", "BalancedRoot") : 0;
	unsigned int height;
	uint64_t top = link_tree(process, nodes, links, 0, nodes->count, table, &height);
	if (!links->avl_table) {
		paging_put_pointer(space, root, top);
		guest_put_if(guest, space, process->eprocess, "_EPROCESS", "VadCount", nodes->count,
			     4);
	} else {
		/* the table's own node has the tree on its right and is its own parent */
		paging_put_pointer(space, table + links->right, top);
		paging_put_pointer(space, table + links->parent, table);
		guest_put_bits(guest, root, "_MM_AVL_TABLE", "DepthOfTree", height);
		guest_put_bits(guest, root, "_MM_AVL_TABLE", "NumberGenericTableElements",
			       nodes->count);
		guest_put_pointer(guest, space, root, "_MM_AVL_TABLE", "NodeHint", top);
	}
	if (layout_has(layout, "_EPROCESS", "VadHint"))
		guest_put_pointer(guest, space, process->eprocess, "_EPROCESS", "VadHint", top);
}

/* Adds the VADs of a range that is in use. */
static void add_nodes(const struct guest *guest, const struct guest_vad *vad, struct nodes *nodes)
{
	size_t starts[GUEST_MAX_PARTS], count = 1;
	bool split =
		vad->section && vad->section->image && guest->options.views != GUEST_VIEWS_WHOLE;
	if (split)
		count = guest_section_parts(vad->section, starts);
	for (size_t i = 0; i < count; i++) {
		struct guest_vad *node = util_push(nodes->items, nodes->count, nodes->capacity);
		*node = *vad;
		if (!split)
			continue;
		node->part = i;
		node->first_page = starts[i];
		node->start = vad->start + starts[i] * PAGE;
		if (i + 1 < count)
			node->end = vad->start + starts[i + 1] * PAGE - 1;
	}
}

void guest_vads_write(struct guest_process *process)
{
	struct guest *guest = process->guest;
	const struct links links = links_of(guest);
	struct nodes nodes = {0};
	if (process->vad_count)
		qsort(process->vads, process->vad_count, sizeof(*process->vads), compare_vads);
	for (size_t i = 0; i < process->vad_count; i++)
		add_nodes(guest, process->vads[i], &nodes);
	for (size_t i = 0, range = 0; i < nodes.count; i++) {
		struct guest_vad *vad = &nodes.items[i];
		const char *type = vad->section ? "_MMVAD" : "_MMVAD_SHORT";
		vad->node = guest_pool_alloc(guest, GUEST_NONPAGED, size_of(guest->layout, type),
					     vad->section ? "Vad " : "VadS");
		put_numbers(guest, vad);
		put_flags(process, vad);
		if (vad->section)
			put_view(process, vad);
		if (!vad->first_page)
			process->vads[range++]->node = vad->node;
	}
	put_root(process, &nodes, &links);
	free(nodes.items);
}
