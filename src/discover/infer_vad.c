/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Infers the VAD tree: which kind it is, where in EPROCESS its root is, what the flags of a node
 * mean.
 *
 * The loader's modules are certain: each begins a VAD of an image section (VadType VadImageMap,
 * Protection 7: execute, write-copy). The loader's lists and the PEB lie in private memory
 * (Protection 4: read, write). A tree is right when it is in order and has all of them; a bit field
 * is right when it has these values in every node.
 */
#include "discover/infer.h"

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "discover/internal.h"

#define VAD_IMAGE_MAP	     2
#define PROTECTION_READWRITE 4
#define PROTECTION_IMAGE     7
#define PROTECTION_BITS	     5
#define VAD_TYPE_BITS	     3

/* Nodes that are looked at; more say nothing new. */
#define MOST_NODES 20000

static const enum profile_member tree_members[] = {
	MMADDRESS_NODE_LeftChild, MMADDRESS_NODE_RightChild,   MMVAD_SHORT_VadNode,
	MMVAD_SHORT_LeftChild,	  MMVAD_SHORT_RightChild,      MMVAD_SHORT_StartingVpn,
	MMVAD_SHORT_EndingVpn,	  MMVAD_SHORT_StartingVpnHigh, MMVAD_SHORT_EndingVpnHigh,
	MM_AVL_NODE_LeftChild,	  MM_AVL_NODE_RightChild,      MM_AVL_TABLE_BalancedRoot,
	RTL_AVL_TREE_Root,	  RTL_BALANCED_NODE_Left,      RTL_BALANCED_NODE_Right,
};

static void read_vads(struct infer *infer, struct infer_process *sample, struct vads *vads)
{
	const struct process process = {
		.eprocess = sample->eprocess, .dtb = sample->dtb, .peb = sample->peb};
	(void)infer_spend(infer, 1);
	const struct windows machine = candidate_machine(infer->candidate);
	(void)process_vads(&machine, &process, infer->kernel, infer->candidate->budget, vads);
}

/* Is the tree in order, and does it have what is known to be there? */
static void judge_tree(const struct infer_process *sample, const struct vads *vads,
		       struct tally *tally)
{
	if (!vads->count || !vads_find(vads, sample->peb)) {
		tally->bad++;
		return;
	}
	for (size_t i = 1; i < vads->count; i++)
		if (vads->items[i - 1].end >= vads->items[i].start) {
			tally->bad++;
			return;
		}
	size_t modules = 0, known = 0;
	for (size_t i = 0; i < sample->modules.count; i++) {
		const struct vad *vad = vads_find(vads, sample->modules.items[i].base);
		modules++;
		known += vad && vad->start == sample->modules.items[i].base;
	}
	/* A module of the list may be gone, or lie within a larger range. */
	tally_add(tally, modules && known * 4 >= modules * 3);
}

static struct tally judge_root(struct infer *infer, uint32_t offset)
{
	struct tally tally = {0};
	unsigned int pointer = infer->candidate->pointer_size;
	infer_set(infer, EPROCESS_VadRoot, offset, INFER_FOUND);
	for (size_t i = 0; i < infer->sample_count; i++) {
		struct infer_process *sample = &infer->sample[i];
		if (!sample->modules.count)
			continue;
		if (!infer_spend(infer, 1))
			return (struct tally){0};
		struct vads vads;
		size_t available;
		uint64_t root = 0;
		uint32_t within = 0;
		if (profile_has(infer->profile, MM_AVL_TABLE_BalancedRoot))
			within = profile_offset(infer->profile, MM_AVL_TABLE_BalancedRoot) +
				 pointer * 2;
		if (!sample_value(sample, offset + within, pointer, &root) ||
		    !is_kernel_address(memory_paging(infer->candidate->memory), root) ||
		    root % pointer || !space_at(infer->kernel, root, &available)) {
			tally.bad++;
		} else {
			read_vads(infer, sample, &vads);
			judge_tree(sample, &vads, &tally);
			vads_free(&vads);
		}
		if (tally.bad > 2 && tally.bad > tally.good)
			break;
	}
	return tally;
}

/* A kind of tree, at its models' places and at all others. */
static bool try_tree(struct infer *infer)
{
	for (size_t i = 0; i < infer->model_count; i++) {
		uint32_t offset = profile_offset(infer->model[i], EPROCESS_VadRoot);
		if (!tally_passes(judge_root(infer, offset)))
			continue;
		infer->state[EPROCESS_VadRoot] = INFER_VERIFIED;
		return true;
	}
	unsigned int pointer = infer->candidate->pointer_size;
	for (uint32_t offset = 0x40; offset < INFER_BODY - 8 * pointer; offset += pointer)
		if (tally_passes(judge_root(infer, offset)))
			return true;
	return false;
}

/* The kinds of tree that there have been, for when no model has the image's: windows/vad.c. */
enum tree_kind { TREE_BALANCED_HIGH, TREE_BALANCED, TREE_AVL, TREE_ADDRESS, TREE_PARENT };

static void set_tree(struct infer *infer, enum tree_kind kind)
{
	uint32_t pointer = infer->candidate->pointer_size;
	infer_drop(infer, tree_members, array_size(tree_members));
	if (kind == TREE_PARENT) { /* StartingVpn, EndingVpn, Parent, LeftChild, RightChild */
		infer_set(infer, MMVAD_SHORT_StartingVpn, 0, INFER_FOUND);
		infer_set(infer, MMVAD_SHORT_EndingVpn, pointer, INFER_FOUND);
		infer_set(infer, MMVAD_SHORT_LeftChild, pointer * 3, INFER_FOUND);
		infer_set(infer, MMVAD_SHORT_RightChild, pointer * 4, INFER_FOUND);
		return;
	}
	infer_set(infer, MMVAD_SHORT_StartingVpn, pointer * 3, INFER_FOUND);
	if (kind == TREE_ADDRESS) { /* Parent, LeftChild, RightChild, StartingVpn, EndingVpn */
		infer_set(infer, MMVAD_SHORT_EndingVpn, pointer * 4, INFER_FOUND);
		infer_set(infer, MMADDRESS_NODE_LeftChild, pointer, INFER_FOUND);
		infer_set(infer, MMADDRESS_NODE_RightChild, pointer * 2, INFER_FOUND);
		infer_set(infer, MM_AVL_TABLE_BalancedRoot, 0, INFER_FOUND);
		return;
	}
	infer_set(infer, MMVAD_SHORT_EndingVpn, pointer * 3 + 4, INFER_FOUND);
	infer_set(infer, MMVAD_SHORT_VadNode, 0, INFER_FOUND);
	if (kind == TREE_AVL) { /* Parent, LeftChild, RightChild; 32-bit numbers */
		infer_set(infer, MM_AVL_NODE_LeftChild, pointer, INFER_FOUND);
		infer_set(infer, MM_AVL_NODE_RightChild, pointer * 2, INFER_FOUND);
		infer_set(infer, MM_AVL_TABLE_BalancedRoot, 0, INFER_FOUND);
		return;
	}
	infer_set(infer, RTL_AVL_TREE_Root, 0, INFER_FOUND);
	infer_set(infer, RTL_BALANCED_NODE_Left, 0, INFER_FOUND);
	infer_set(infer, RTL_BALANCED_NODE_Right, pointer, INFER_FOUND);
	if (kind != TREE_BALANCED_HIGH)
		return;
	infer_set(infer, MMVAD_SHORT_StartingVpnHigh, pointer * 3 + 8, INFER_FOUND);
	infer_set(infer, MMVAD_SHORT_EndingVpnHigh, pointer * 3 + 9, INFER_FOUND);
}

static bool infer_tree(struct infer *infer)
{
	for (size_t i = 0; i < infer->model_count; i++) {
		if (!infer_is_new(infer, i, tree_members, array_size(tree_members)))
			continue;
		infer_take(infer, infer->model[i], tree_members, array_size(tree_members),
			   INFER_VERIFIED);
		if (try_tree(infer))
			return true;
	}
	for (enum tree_kind kind = TREE_BALANCED_HIGH; kind <= TREE_PARENT; kind++) {
		set_tree(infer, kind);
		if (try_tree(infer))
			return true;
	}
	infer_failed(infer,
		     "VadRoot: no member of EPROCESS leads to a tree, of any kind known, that "
		     "has the PEB and the loaded modules of %zu processes",
		     min_of(infer->users, (size_t)INFER_PROCESSES));
	return false;
}

/* Nodes that are known to be of an image, or private, and their flags' bytes. */
enum { NODE_BYTES = 0x60 };

struct node {
	uint8_t bytes[NODE_BYTES];
	bool image; /* else private, to be read and written */
};

struct nodes {
	struct node *items;
	size_t count;
	size_t capacity;
};

static void add_node(struct infer *infer, const struct vad *vad, bool image, struct nodes *nodes)
{
	uint8_t bytes[NODE_BYTES];
	/* A short node may be the last on its page: what lies behind it is not needed. */
	size_t size = NODE_BYTES;
	while (size > 0x20 && !space_read(infer->kernel, vad->address, bytes, size))
		size -= 8;
	if (size <= 0x20)
		return;
	if (nodes->count == MOST_NODES)
		return;
	struct node *node = array_push(nodes->items, nodes->count, nodes->capacity);
	memcpy(node->bytes, bytes, size);
	node->image = image;
}

static void collect_nodes(struct infer *infer, struct infer_process *sample, struct nodes *nodes)
{
	const struct vad *own = vads_find(&sample->vads, sample->peb);
	if (own)
		add_node(infer, own, false, nodes);
	const struct vad *heap = NULL;
	for (size_t i = 0; i < sample->modules.count; i++) {
		const struct module *module = &sample->modules.items[i];
		const struct vad *image = vads_find(&sample->vads, module->base);
		const struct vad *entry = vads_find(&sample->vads, module->entry);
		if (image && image->start == module->base)
			add_node(infer, image, true, nodes);
		if (entry && entry != heap) /* the loader's heap */
			add_node(infer, entry, false, nodes);
		heap = entry;
	}
}

static uint64_t node_bits(const struct node *node, uint32_t offset, unsigned int bit,
			  unsigned int bits)
{
	return le64(node->bytes + offset) >> bit & ((UINT64_C(1) << bits) - 1);
}

/* Has the field `image` in image nodes and `other` in private ones, but for a few? */
static bool field_says(const struct nodes *nodes, uint32_t offset, unsigned int bit,
		       unsigned int bits, uint64_t image, uint64_t other)
{
	size_t images = 0, others = 0, wrong_images = 0, wrong_others = 0;
	for (size_t i = 0; i < nodes->count; i++) {
		uint64_t value = node_bits(&nodes->items[i], offset, bit, bits);
		if (nodes->items[i].image) {
			images++;
			wrong_images += value != image;
		} else {
			others++;
			wrong_others += value != other;
		}
	}
	return images >= 4 && others >= 2 && wrong_images * 10 <= images &&
	       wrong_others * 10 <= others;
}

/* Where the flags of a node lie and what their bits are. */
struct flags {
	uint32_t offset;
	uint32_t size;
	unsigned int protection, type, private_memory;
	bool image_map; /* one bit, ImageMap, not three, VadType */
};

/* VadType, or ImageMap, below or above Protection; false when no bits say what they must. */
static bool find_type(const struct nodes *nodes, struct flags *flags)
{
	unsigned int end = flags->size * 8;
	for (unsigned int bit = 0; bit + VAD_TYPE_BITS <= flags->protection; bit++)
		if (field_says(nodes, flags->offset, bit, VAD_TYPE_BITS, VAD_IMAGE_MAP, 0)) {
			flags->type = bit;
			flags->image_map = false;
			return true;
		}
	for (unsigned int bit = 0; bit < end; bit++) {
		bool apart = bit < flags->protection || bit >= flags->protection + PROTECTION_BITS;
		if (apart && field_says(nodes, flags->offset, bit, 1, 1, 0)) {
			flags->type = bit;
			flags->image_map = true;
			return true;
		}
	}
	return false;
}

static bool find_private(const struct nodes *nodes, struct flags *flags)
{
	for (unsigned int bit = flags->protection + PROTECTION_BITS; bit < flags->size * 8; bit++)
		if (field_says(nodes, flags->offset, bit, 1, 0, 1)) {
			flags->private_memory = bit;
			return true;
		}
	return false;
}

static bool find_flags(const struct nodes *nodes, uint32_t offset, uint32_t size,
		       struct flags *flags)
{
	*flags = (struct flags){.offset = offset, .size = size};
	for (unsigned int bit = 0; bit + PROTECTION_BITS <= size * 8; bit++) {
		if (!field_says(nodes, offset, bit, PROTECTION_BITS, PROTECTION_IMAGE,
				PROTECTION_READWRITE))
			continue;
		flags->protection = bit;
		if (find_type(nodes, flags) && find_private(nodes, flags))
			return true;
	}
	return false;
}

static const enum profile_member flag_members[] = {
	MMVAD_SHORT_u,	      MMVAD_FLAGS_size,	      MMVAD_FLAGS_VadType,
	MMVAD_FLAGS_ImageMap, MMVAD_FLAGS_Protection, MMVAD_FLAGS_PrivateMemory,
};

/* Do a model's flags say what they must? */
static bool model_flags(const struct profile *profile, const struct nodes *nodes)
{
	const struct profile_field *protection = &profile->field[MMVAD_FLAGS_Protection];
	const struct profile_field *private_memory = &profile->field[MMVAD_FLAGS_PrivateMemory];
	bool typed = profile_has(profile, MMVAD_FLAGS_VadType);
	const struct profile_field *type =
		&profile->field[typed ? MMVAD_FLAGS_VadType : MMVAD_FLAGS_ImageMap];
	uint32_t offset = profile_offset(profile, MMVAD_SHORT_u);
	return type->present && type->bits && offset + 8 <= NODE_BYTES &&
	       field_says(nodes, offset, protection->bit, PROTECTION_BITS, PROTECTION_IMAGE,
			  PROTECTION_READWRITE) &&
	       field_says(nodes, offset, private_memory->bit, 1, 0, 1) &&
	       field_says(nodes, offset, type->bit, type->bits, typed ? VAD_IMAGE_MAP : 1, 0);
}

static bool infer_flags(struct infer *infer, const struct nodes *nodes)
{
	for (size_t i = 0; i < infer->model_count; i++) {
		if (!model_flags(infer->model[i], nodes))
			continue;
		infer_take(infer, infer->model[i], flag_members, array_size(flag_members),
			   INFER_VERIFIED);
		return true;
	}
	struct flags flags;
	bool found = false;
	uint32_t first = profile_offset(infer->profile, MMVAD_SHORT_EndingVpn) + 4;
	for (uint32_t offset = first; offset + 8 <= NODE_BYTES && !found; offset += 4)
		for (uint32_t size = 4; size <= infer->candidate->pointer_size && !found; size += 4)
			found = find_flags(nodes, offset, size, &flags);
	if (!found) {
		infer_failed(infer,
			     "MMVAD_FLAGS: no bits of %zu nodes tell images (VadType 2, "
			     "Protection 7) from private memory (Protection 4)",
			     nodes->count);
		return false;
	}
	infer_drop(infer, flag_members, array_size(flag_members));
	infer_set(infer, MMVAD_SHORT_u, flags.offset, INFER_FOUND);
	infer_set(infer, MMVAD_FLAGS_size, flags.size, INFER_FOUND);
	infer_set_bits(infer, MMVAD_FLAGS_Protection, 0, (uint8_t)flags.protection, PROTECTION_BITS,
		       INFER_FOUND);
	infer_set_bits(infer, MMVAD_FLAGS_PrivateMemory, 0, (uint8_t)flags.private_memory, 1,
		       INFER_FOUND);
	infer_set_bits(infer, flags.image_map ? MMVAD_FLAGS_ImageMap : MMVAD_FLAGS_VadType, 0,
		       (uint8_t)flags.type, flags.image_map ? 1 : VAD_TYPE_BITS, INFER_FOUND);
	return true;
}

/* VadCount, MmHighestUserAddress: cheap to check, good to have for choosing among profiles. */
static struct tally judge_vad_count(struct infer *infer, uint32_t offset)
{
	struct tally tally = {0};
	uint64_t value;
	for (size_t i = 0; i < infer->sample_count; i++)
		if (infer->sample[i].vads.count && !infer->sample[i].vads.damage[0] &&
		    sample_value(&infer->sample[i], offset, 4, &value))
			tally_add(&tally, value == infer->sample[i].vads.count);
	return tally;
}

bool infer_vads(struct infer *infer)
{
	if (!infer_tree(infer))
		return false;
	struct nodes nodes = {0};
	for (size_t i = 0; i < infer->sample_count; i++) {
		struct infer_process *sample = &infer->sample[i];
		if (!sample->modules.count)
			continue;
		read_vads(infer, sample, &sample->vads);
		collect_nodes(infer, sample, &nodes);
	}
	bool found = infer_flags(infer, &nodes);
	free(nodes.items);
	/* Once more, now that the flags say what each is. */
	for (size_t i = 0; i < infer->sample_count && found; i++) {
		if (!infer->sample[i].modules.count)
			continue;
		vads_free(&infer->sample[i].vads);
		read_vads(infer, &infer->sample[i], &infer->sample[i].vads);
	}
	if (found && profile_has(infer->model[0], EPROCESS_VadCount))
		(void)infer_offset(infer, EPROCESS_VadCount, infer->candidate->pointer_size, 0x40,
				   INFER_BODY - 8, judge_vad_count, false);
	return found;
}
