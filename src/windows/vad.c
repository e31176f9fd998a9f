/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads the VAD tree: what each range of a process's address space is.
 *
 * Which kind of tree a build has follows from the members that its profile has (profile_fields.h):
 * a pointer to the first VAD (XP); MM_AVL_TABLE with MMADDRESS_NODE (Server 2003 to Windows 7) or
 * with MM_AVL_NODE (Windows 8), whose root is the right child of a sentinel; RTL_AVL_TREE (8.1 and
 * later).
 */
#include <impscan/address_set.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/names.h>
#include <impscan/process.h>
#include <impscan/process_dump.h>
#include <impscan/search.h>
#include <impscan/vad.h>
#include <impscan/windows.h>

#include <stdio.h>
#include <stdlib.h>

#include "windows/limits.h"

/* The form of a tree. */
struct vad_tree {
	uint64_t root; /* the first node, 0 when there is none */
	uint32_t left; /* offsets within a node ... */
	uint32_t right;
	uint32_t node; /* ... and of the node within a VAD */
};

static bool tree_of(const struct windows *windows, const struct process *process,
		    struct space *kernel, struct vad_tree *tree)
{
	const struct profile *profile = windows->profile;
	uint64_t root = process->eprocess + profile_offset(profile, EPROCESS_VadRoot);
	*tree = (struct vad_tree){0};
	if (profile_has(profile, MMADDRESS_NODE_LeftChild)) {
		tree->left = profile_offset(profile, MMADDRESS_NODE_LeftChild);
		tree->right = profile_offset(profile, MMADDRESS_NODE_RightChild);
		root += profile_offset(profile, MM_AVL_TABLE_BalancedRoot) + tree->right;
	} else if (profile_has(profile, MM_AVL_NODE_LeftChild)) {
		tree->left = profile_offset(profile, MM_AVL_NODE_LeftChild);
		tree->right = profile_offset(profile, MM_AVL_NODE_RightChild);
		tree->node = profile_offset(profile, MMVAD_SHORT_VadNode);
		root += profile_offset(profile, MM_AVL_TABLE_BalancedRoot) + tree->right;
	} else if (profile_has(profile, MMVAD_SHORT_VadNode)) {
		tree->left = profile_offset(profile, RTL_BALANCED_NODE_Left);
		tree->right = profile_offset(profile, RTL_BALANCED_NODE_Right);
		tree->node = profile_offset(profile, MMVAD_SHORT_VadNode);
		root += profile_offset(profile, RTL_AVL_TREE_Root);
	} else {
		tree->left = profile_offset(profile, MMVAD_SHORT_LeftChild);
		tree->right = profile_offset(profile, MMVAD_SHORT_RightChild);
	}
	return space_pointer(kernel, root, windows->pointer_size, &tree->root);
}

/* Reads StartingVpn or EndingVpn, of which some builds keep the upper bits apart. */
static bool read_vpn(const struct windows *windows, struct space *kernel, uint64_t vad,
		     enum profile_member low, enum profile_member high, uint64_t *vpn)
{
	const struct profile *profile = windows->profile;
	bool split = profile_has(profile, MMVAD_SHORT_VadNode);
	if (!space_pointer(kernel, vad + profile_offset(profile, low),
			   split ? 4 : windows->pointer_size, vpn))
		return false;
	if (split && profile_has(profile, high)) {
		uint8_t more;
		if (!space_read(kernel, vad + profile_offset(profile, high), &more, 1))
			return false;
		*vpn |= (uint64_t)more << 32;
	}
	return true;
}

/* MMVAD_FLAGS.VadType's value for a view of an image section. */
#define VAD_IMAGE_MAP 2

static enum vad_kind kind_of(const struct profile *profile, uint64_t flags)
{
	if (profile_bits(profile, MMVAD_FLAGS_PrivateMemory, flags))
		return VAD_PRIVATE;
	bool image = profile_has(profile, MMVAD_FLAGS_VadType)
			     ? profile_bits(profile, MMVAD_FLAGS_VadType, flags) == VAD_IMAGE_MAP
			     : profile_bits(profile, MMVAD_FLAGS_ImageMap, flags);
	return image ? VAD_IMAGE : VAD_MAPPED;
}

/* Steps of reading a VAD. */
#define VAD_STEPS 5

/* The name of the control area's file (FILE_OBJECT.FileName); NULL: none, or not present. */
static const char *file_name(const struct windows *windows, struct space *kernel,
			     uint64_t control_area, struct names *names, struct budget *budget)
{
	const struct profile *profile = windows->profile;
	uint64_t file;
	if (!windows_pointer(windows, kernel, control_area, CONTROL_AREA_FilePointer, &file))
		return NULL;
	/* An EX_FAST_REF since Vista; a FILE_OBJECT is aligned so that its low bits are free. */
	file &= ~(uint64_t)(windows->pointer_size == 8 ? 15 : 7);
	if (!file)
		return NULL;
	return names_read(names, kernel, file + profile_offset(profile, FILE_OBJECT_FileName),
			  windows->pointer_size, budget);
}

/* Reads what only a long VAD (MMVAD) has: its section. What is not present stays 0. */
static void read_section(const struct windows *windows, struct space *kernel, struct names *names,
			 struct budget *budget, struct vad *vad)
{
	const struct profile *profile = windows->profile;
	uint64_t at = vad->address;
	if (profile_has(profile, MMVAD_Subsection) &&
	    profile_has(profile, SUBSECTION_ControlArea)) {
		if (!windows_pointer(windows, kernel, at, MMVAD_Subsection, &vad->subsection) ||
		    !windows_pointer(windows, kernel, vad->subsection, SUBSECTION_ControlArea,
				     &vad->control_area))
			vad->control_area = 0;
	} else if (profile_has(profile, MMVAD_ControlArea)) {
		(void)windows_pointer(windows, kernel, at, MMVAD_ControlArea, &vad->control_area);
	}
	if (profile_has(profile, MMVAD_FirstPrototypePte))
		(void)windows_pointer(windows, kernel, at, MMVAD_FirstPrototypePte,
				      &vad->first_prototype_pte);
	/* An inferred profile may lack these: then files have no names. */
	if (vad->control_area && profile_has(profile, CONTROL_AREA_FilePointer) &&
	    profile_has(profile, FILE_OBJECT_FileName))
		vad->file = file_name(windows, kernel, vad->control_area, names, budget);
}

static bool read_vad(const struct windows *windows, struct space *kernel, uint64_t address,
		     struct names *names, struct budget *budget, struct vad *vad)
{
	const struct profile *profile = windows->profile;
	uint64_t first, last, flags;
	unsigned int flags_size = profile_offset(profile, MMVAD_FLAGS_size) == 8 ? 8 : 4;
	*vad = (struct vad){.address = address};
	if (!read_vpn(windows, kernel, address, MMVAD_SHORT_StartingVpn,
		      MMVAD_SHORT_StartingVpnHigh, &first) ||
	    !read_vpn(windows, kernel, address, MMVAD_SHORT_EndingVpn, MMVAD_SHORT_EndingVpnHigh,
		      &last) ||
	    !space_pointer(kernel, address + profile_offset(profile, MMVAD_SHORT_u), flags_size,
			   &flags))
		return false;
	unsigned int address_bits = windows->pointer_size == 8 ? 47 : 32;
	/* Memory that could not be taken is written as zeros by some tools: no VAD is all zero. */
	if (!first && !last && !flags)
		return false;
	if (last < first || last >= UINT64_C(1) << address_bits >> 12)
		return false;
	vad->start = first << 12;
	vad->end = (last << 12) + PAGE_SIZE - 1;
	vad->kind = kind_of(profile, flags);
	vad->protection = (unsigned int)profile_bits(profile, MMVAD_FLAGS_Protection, flags) & 31;
	if (vad->kind != VAD_PRIVATE)
		read_section(windows, kernel, names, budget, vad);
	return true;
}

static int compare_vads(const void *a, const void *b)
{
	const struct vad *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

static void note_damage(struct vads *vads, const char *format, uint64_t number)
	__attribute__((format(printf, 2, 0)));

/* Unlike damage_once(), the note that comes last stays. */
static void note_damage(struct vads *vads, const char *format, uint64_t number)
{
	snprintf(vads->damage, sizeof(vads->damage), format, (unsigned long long)number);
}

/* Reads the nodes from the root on; false when the budget has ended before. */
static bool walk_tree(const struct windows *windows, struct space *kernel,
		      const struct vad_tree *tree, struct budget *budget, struct vads *vads)
{
	_cleanup_address_set_ struct address_set seen = {0};
	_cleanup_free_ uint64_t *stack = NULL; /* nodes still to be visited */
	size_t depth = 0, capacity = 0;
	*array_push(stack, depth, capacity) = tree->root;
	while (depth) {
		uint64_t node = stack[--depth];
		struct vad vad;
		if (!node || !address_set_add(&seen, node))
			continue;
		if (address_set_count(&seen) > LIMIT_VADS) {
			note_damage(vads, "VAD tree has more than %llu nodes", LIMIT_VADS);
			break;
		}
		if (!budget_spend(budget, VAD_STEPS))
			return false;
		if (!read_vad(windows, kernel, node - tree->node, &vads->names, budget, &vad)) {
			note_damage(vads, "VAD at 0x%llx not present or damaged", node);
			continue;
		}
		*array_push(vads->items, vads->count, vads->capacity) = vad;
		uint64_t child;
		if (space_pointer(kernel, node + tree->left, windows->pointer_size, &child))
			*array_push(stack, depth, capacity) = child;
		if (space_pointer(kernel, node + tree->right, windows->pointer_size, &child))
			*array_push(stack, depth, capacity) = child;
	}
	return true;
}

/* Marks VADs that overlap: to which of them a page belongs can't be known. */
static void mark_overlapping(struct vads *vads)
{
	struct vad *last = NULL; /* that reaches farthest */
	for (size_t i = 0; i < vads->count; i++) {
		struct vad *vad = &vads->items[i];
		if (last && vad->start <= last->end)
			vad->overlaps = last->overlaps = true;
		if (!last || vad->end > last->end)
			last = vad;
	}
}

/*
 * Does `next` go on with the view of an image that `vad` begins: of the same section, with the
 * prototype PTEs that follow?
 */
static bool goes_on(const struct vad *vad, const struct vad *next, unsigned int entry_size)
{
	uint64_t pages = (vad->end - vad->start) / PAGE_SIZE + 1;
	return vad->kind == VAD_IMAGE && next->kind == VAD_IMAGE && next->start == vad->end + 1 &&
	       vad->control_area && vad->control_area == next->control_area &&
	       vad->first_prototype_pte &&
	       next->first_prototype_pte == vad->first_prototype_pte + pages * entry_size;
}

/* Makes one of the VADs of a view, where it has one for each of its image's sections. */
static void join_views(struct vads *vads, unsigned int entry_size)
{
	size_t count = 0;
	for (size_t i = 0; i < vads->count; i++) {
		struct vad *last = count ? &vads->items[count - 1] : NULL;
		if (last && goes_on(last, &vads->items[i], entry_size))
			last->end = vads->items[i].end;
		else
			vads->items[count++] = vads->items[i];
	}
	vads->count = count;
}

bool process_vads(const struct windows *windows, const struct process *process,
		  struct space *kernel, struct budget *budget, struct vads *vads)
{
	struct vad_tree tree;
	if (windows->dump)
		return process_dump_vads(windows->dump, budget, vads);
	*vads = (struct vads){0};
	if (!tree_of(windows, process, kernel, &tree)) {
		snprintf(vads->damage, sizeof(vads->damage), "VadRoot not present");
		return true;
	}
	struct budget part = budget_part(budget);
	bool whole = walk_tree(windows, kernel, &tree, &part, vads);
	(void)budget_close_part(budget, &part);
	if (!whole)
		note_damage(vads, "VAD tree cut off after %llu nodes: it costs too much work",
			    vads->count);
	if (vads->names.strings.left_out)
		note_damage(vads, "names of %llu files left out: they are too long together",
			    vads->names.strings.left_out);
	address_map_free(&vads->names.known);
	if (vads->count)
		qsort(vads->items, vads->count, sizeof(*vads->items), compare_vads);
	join_views(vads, profile_offset(windows->profile, MMPTE_size));
	mark_overlapping(vads);
	return whole;
}

const struct vad *vads_find(const struct vads *vads, uint64_t address)
{
	size_t at = search_first(i, 0, vads->count, vads->items[i].end >= address);
	return at < vads->count && vads->items[at].start <= address ? &vads->items[at] : NULL;
}

void vads_free(struct vads *vads)
{
	free(vads->items);
	names_free(&vads->names);
	*vads = (struct vads){0};
}

const char *vad_protection_name(unsigned int protection)
{
	static const char *const names[8] = {"PAGE_NOACCESS",	       "PAGE_READONLY",
					     "PAGE_EXECUTE",	       "PAGE_EXECUTE_READ",
					     "PAGE_READWRITE",	       "PAGE_WRITECOPY",
					     "PAGE_EXECUTE_READWRITE", "PAGE_EXECUTE_WRITECOPY"};
	return names[protection & 7];
}
