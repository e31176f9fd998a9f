/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * .NET assemblies: the metadata of a PE with a CLR header, in a file or in memory. Import lists say
 * nothing of such programs, since all of them import one function of mscoree.dll or none. The types
 * that they refer to (table TypeRef) tell them apart: TypeRefHash is the SHA-256 of their sorted
 * list, typerefuzzy, impscan's own, the ssdeep hash of the list as it stands.
 *
 * Not here: hashing (hash.h).
 *
 * Facts: ECMA-335, partition II, sections 22, 24 and 25.3.3; TypeRefHash as PeNet computes it
 * (github.com/secana/PeNet, TypeRefHash.cs).
 *
 * Room: dotnet.
 */
#ifndef IMPSCAN_DOTNET_H
#define IMPSCAN_DOTNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/budget.h>
#include <impscan/pe.h>
#include <impscan/text.h>

enum dotnet_status {
	DOTNET_OK,
	DOTNET_NONE,	   /* a PE without a CLR header */
	DOTNET_PARTIAL,	   /* the metadata is there; some of the type references can't be read */
	DOTNET_UNREADABLE, /* the headers or the metadata could not be read */
	DOTNET_NOT_PE,
};

/* Returns "ok", "no-metadata", "partial", "unreadable" or "not-pe". */
const char *dotnet_status_name(enum dotnet_status status);

/* How the metadata was found. What protectors wipe in memory does not hide it. */
enum dotnet_found {
	DOTNET_BY_HEADER, /* where the CLR header says */
	DOTNET_BY_ROOT,	  /* by the metadata root: the CLR header leads nowhere */
	DOTNET_BY_TABLES, /* by the tables: the root is gone, too */
};

struct dotnet_scratch;

/* Bytes that were wiped, as they should be. */
struct dotnet_repair {
	uint64_t rva;
	size_t size;
	uint8_t bytes[32];
};

enum { DOTNET_REPAIRS = 16 };

/*
 * An assembly, or a module of one. Only with DOTNET_OK the three lists are there; they are empty
 * for what refers to no types, which has no hash.
 *
 * Names in them are as PeNet reads them: bytes above 0x7f become "?". A type nested in another one
 * has an empty namespace.
 */
struct dotnet {
	/* Set by the caller before dotnet_read(). */
	bool search;	       /* look for metadata also where no directory names a CLR header */
	struct budget *budget; /* NULL: unlimited */

	enum dotnet_status status;
	char reason[160];   /* why the status is neither ok nor no-metadata; else "" */
	size_t typerefs;    /* rows of the table TypeRef, as far as known */
	size_t pages;	    /* in memory: 4096-byte pages needed to read all this ... */
	size_t pages_found; /* ... and those of them that are present; both 0 for a file on disk */

	/*
	 * What TypeRefHash is the SHA-256 of: "namespace-name,namespace-name", sorted by namespace,
	 * then by name. `linguistic` is sorted as .NET 5 and later do (ICU, root collation), which
	 * PeNet's published values follow; `ordinal` by code points, as .NET does in invariant
	 * mode.
	 */
	struct text linguistic;
	struct text ordinal;
	/* A name has "-" or "'", which Windows's own collation (.NET Framework) sorts otherwise. */
	bool order_uncertain;
	/* What typerefuzzy is the ssdeep hash of: "namespace.name,namespace.name" in table order. */
	struct text unsorted;

	/* From the tables Assembly and Module; "" where not known: then it has no such row, or
	   `identity_reason` says why. */
	char assembly
		[256]; /* its name, without extension; UTF-8 as it stands, cut where it is longer */
	char version[24]; /* "1.2.3.4" */
	char mvid[37];	  /* "0f7a3c5e-....", changes with each build */
	char runtime[32]; /* the version in the metadata root, "v4.0.30319" */
	char identity_reason[160];

	enum dotnet_found found;
	bool wiped; /* the CLR header, the root's signature, or names of streams are gone */
	/*
	 * What to write over them, so that others can read the metadata. None where the root itself
	 * is gone: where its streams lie can't be known then.
	 */
	struct dotnet_repair repairs[DOTNET_REPAIRS];
	size_t repair_count;

	struct dotnet_scratch *scratch; /* memory kept from call to call */
};

/*
 * Reads the metadata of `pe`, a file or a module in memory.
 *
 * dotnet	all zero but for what the caller sets, or used before (its memory is kept). Release it
 *		with dotnet_free(). When the budget is used up the status is partial or unreadable, and
 *		the reason says so.
 */
void dotnet_read(struct dotnet *dotnet, const struct pe *pe);

/* Frees the memory of a struct dotnet; what the caller set stays. */
void dotnet_free(struct dotnet *dotnet);
#define _cleanup_dotnet_ __attribute__((cleanup(dotnet_free)))

/* An assembly that lies somewhere in a range of bytes as it lies in a file. */
struct dotnet_place {
	uint64_t position; /* of its MZ header */
	uint64_t size;	   /* in bytes, as its headers tell; it may pass the end of the range */
	bool confirmed;	   /* the metadata's signature was seen; else its page is absent, or ... */
	bool wiped;	   /* ... its CLR header leads nowhere: dotnet_read() may find metadata */
};

/*
 * Finds the next assembly in file layout in `range` whose MZ header lies at `*position` or behind
 * it, but before `end`, at a multiple of 4. Its PE headers are present, and name a CLR header that
 * leads to a metadata root, or was wiped. Pages that are absent are passed over, and added to
 * `*absent`.
 *
 * Returns true and sets `place` when one is found; the next search begins at `*position`, which is
 * moved. Returns false at the end, or when the budget is used up (budget_exceeded()).
 */
bool dotnet_next(const struct pe_reader *range, uint64_t *position, uint64_t end,
		 struct budget *budget, struct dotnet_place *place, size_t *absent);

/*
 * Returns whether an assembly may begin in bytes, of which the first lies at a multiple of 4:
 * dotnet_next() finds none where it says no. It is for passing over much memory.
 */
bool dotnet_may_begin(const uint8_t *bytes, size_t size);

/*
 * A part of a reader as a reader of its own: for what dotnet_next() found.
 */
struct dotnet_part {
	struct pe_reader reader; /* of file layout */
	const struct pe_reader *whole;
	uint64_t start;
};

/*
 * Initialises a reader of `size` bytes of `whole` at `start`, cut at its end. Both must outlive
 * their use and stay where they are.
 */
void dotnet_part_init(struct dotnet_part *part, const struct pe_reader *whole, uint64_t start,
		      uint64_t size);

#endif
