/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows: what a scan found, as plain values. They hold facts, not pointers to the processes, modules
 * or images that these are of, so they can be kept, written and compared without them.
 *
 * Texts in a row are borrowed unless said otherwise: whoever hands out a row keeps them until the
 * call that hands it out returns. A text that is NULL or "" says that there is none.
 *
 * Room: rows.
 */
#ifndef IMPSCAN_ROWS_H
#define IMPSCAN_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/cleanup.h>
#include <impscan/fields.h>
#include <impscan/hash.h>
#include <impscan/imports.h>
#include <impscan/sample.h>

/* Which of a module's hashes a known hash resembles. */
enum row_matched {
	MATCHED_NOTHING, /* no search, or no match */
	MATCHED_IMPHASH,
	MATCHED_IMPFUZZY,
	MATCHED_REBUILT_IMPHASH,
	MATCHED_REBUILT_IMPFUZZY,
	MATCHED_IMPSET,
	MATCHED_REBUILT_IMPSET,
	MATCHED_RESOLVED, /* the rebuilt list with the names of the sample: by impfuzzy, or equal */
	MATCHED_TYPEREFHASH,
	MATCHED_TYPEREFUZZY,
	MATCHED_GIMPHASH,
	MATCHED_GIMPFUZZY,
};

/*
 * Returns "imphash", "impfuzzy", "impset", or the same behind "rebuilt_", "resolved",
 * "typerefhash", "typerefuzzy", "gimphash" or "gimpfuzzy"; NULL for MATCHED_NOTHING.
 */
const char *row_matched_name(enum row_matched matched);

/* Returns the type of the module's hash that matched; HASH_IMPFUZZY for MATCHED_NOTHING. */
enum hash_type row_matched_type(enum row_matched matched);

/* Is that hash one of the rebuilt list? */
bool row_matched_rebuilt(enum row_matched matched);

/* A known hash that a module resembles. */
struct row_match {
	enum row_matched by;
	unsigned int score;  /* 0-100 */
	const char *name;    /* of the sample or list entry */
	const char *comment; /* what its list says of it beside; "": nothing */
	const char *note;    /* why the hash tells little; NULL: nothing is known */
	size_t same_hash; /* other modules of this machine with the module's hash that matched ... */
	bool counted;	  /* ... if that is known */
};

/* A module as a file, where files were asked for. */
struct row_dump {
	const char *file;      /* its name in the folder; NULL: not written, see note */
	const char *layout;    /* where its bytes lie: pe_written_layout_name() */
	uint64_t size;	       /* bytes of the file */
	uint64_t pages;	       /* pages of the module ... */
	uint64_t pages_absent; /* ... and how many were not present: zeros in the file */
	const char *note;      /* why there is no file, or what it lacks, in words */
};

/* One module, or one module and one known hash that it resembles. */
struct row {
	/* The process; 4 for the kernel's own modules. */
	uint32_t pid;
	uint32_t ppid;
	const char *process;
	uint64_t eprocess;
	uint64_t started, exited; /* FILETIME; 0: unknown, and not exited */
	const char *command_line; /* as the process's own memory has it */
	/* The module. All zero and empty when a process has none to show. */
	uint64_t base;
	uint64_t size; /* bytes */
	const char *module;
	const char *path;
	unsigned int found_in;		 /* bits, enum found_in; 0: there is no module */
	unsigned int flags;		 /* bits, enum module_flag; those of the process included */
	unsigned int missing_page_files; /* bit N: pages in page file N could not be read */
	/* Its import lists. */
	enum imports_status status; /* of the declared list */
	const char *reason;	    /* what is to be said of it, in words */
	size_t imports;		    /* entries of the declared list */
	const char *import_source;  /* "names", "iat", "table", "call"; NULL without a list */
	struct hashes hashes;	    /* of the declared list; "" when there is none; typerefhash to
				       gimpfuzzy, which both lists share, only here */
	size_t rebuilt_imports;	    /* entries of the rebuilt list, where it is another */
	struct hashes rebuilt;	    /* of the rebuilt list; "" when there is no other */
	/*
	 * The hashes of the lists that it may have been instead, less probable each, where they were
	 * asked for: "IMPHASH IMPFUZZY", and "impset:..." where `rebuilt` has one. A search compares
	 * them as well.
	 */
	struct text_list rebuilt_others;
	uint32_t timestamp;	/* TimeDateStamp of its PE header; 0: unknown */
	double readable;	/* share of the needed pages that could be read, 0-1 */
	struct row_match match; /* MATCHED_NOTHING in a listing */
	struct row_dump dump;	/* empty when no file was asked for */
	const char *image;	/* what the image is called: its path, or a label */
	/* What a .NET module or one by Go has beside import lists; its hashes are in `hashes`. */
	bool dotnet;	      /* it is an assembly, or a part of one, and `typerefs` is known */
	size_t typerefs;      /* types that it refers to */
	const char *assembly; /* its name and version: "Newtonsoft.Json 13.0.0.0" */
	const char *mvid;     /* "0f7a3c5e-....", changes with each build */
	bool go;	      /* it is a program by Go, and `go_functions` is known */
	bool by_go;	      /* it is one, known or not: its import list is that of Go's runtime */
	bool names_unread;    /* types or functions are there, and were not read whole */
	size_t go_functions;
	const char *go_version; /* "go1.19.8" */
	const char *go_module;	/* path of the main module or package */
	/*
	 * Of a saved row: members that are no fields of this impscan's rows, as JSON:
	 * ,"name":value,"name":value. NULL: none.
	 */
	const char *others;
	bool more_flags; /* of a saved row: it has flags that this impscan does not know */
	/* Only in tables: the line below a module's own, for its rebuilt list. */
	bool rebuilt_line;
};

/* Is it code that no loader put there? */
bool row_injected(const struct row *row);

/* A copy of the row with texts of its own; release it with row_free(). */
struct row *row_copy(const struct row *row);

/* Frees a copy. */
void row_free(struct row *row);
DEFINE_CLEANUP(struct row, row_free)
#define _cleanup_row_ _cleanup_(row_free_p)

/* A range of memory that can run code without an image section behind it. */
struct region_row {
	uint32_t pid;
	const char *process;
	uint64_t start, end;	/* addresses of its first and last byte */
	const char *kind;	/* "private" or "mapped"; "unknown" */
	const char *protection; /* of its VAD: vad_protection_name(); NULL: not known */
	bool rights_known;	/* `executable` and `writable` are */
	uint64_t committed;	/* pages that hold something, in memory or paged out */
	uint64_t executable;	/* those of them that can be run ... */
	uint64_t writable;	/* ... and written as well */
	uint64_t first_executable;
	uint64_t pe;	  /* address of the first PE header within; 0: none */
	const char *file; /* that is mapped */
	/* The first bytes of the range, or else of its first executable page. */
	bool bytes_present; /* one of the two could be read */
	uint64_t bytes_at;
	uint8_t bytes[32];
	const char *image; /* what the image is called */
};

/* Why a process is no child of another one. */
enum row_orphan {
	ORPHAN_NOT,    /* it is one, or names none as its parent */
	ORPHAN_GONE,   /* no process that was there when it began has its parent's PID */
	ORPHAN_REUSED, /* only one that began later has it */
	ORPHAN_CIRCLE, /* it is its own parent, or an ancestor of it */
};
#define ROW_ORPHANS 4

/* A process. */
struct process_row {
	uint32_t pid;
	uint32_t ppid;
	const char *process;
	uint64_t eprocess;
	uint64_t started, exited; /* FILETIME; 0: unknown, and not exited */
	unsigned int sources;	  /* bits, enum process_source */
	unsigned int flags;	  /* bits, enum module_flag: those of processes */
	size_t modules;		  /* in the loader's lists and by VADs; of System the drivers */
	const char *command_line; /* as the process's own memory has it */
	const char *image;	  /* what the image is called */
	/* In a tree: its place there, and what is suspicious about its modules. */
	bool tree;
	uint32_t depth;	 /* number of processes above it */
	uint64_t parent; /* EPROCESS of the one that it is a child of; 0: none */
	enum row_orphan orphan;
	size_t flagged;		   /* modules that are injected or have a flag of their own ... */
	struct text_list findings; /* ... by kind: "injected 2" */
};

/* One slot of a module's rebuilt import list. */
struct import_row {
	uint32_t pid;
	const char *process;
	uint64_t base; /* the module's */
	const char *module;
	uint64_t slot; /* its address */
	bool present;  /* the slot could be read */
	uint64_t value;
	uint64_t target; /* address of the export; 0: unknown */
	const char *dll;
	const char *function;
	bool by_ordinal;
	uint16_t ordinal;
	const char *source; /* "names", "iat", "table", "call" */
	bool hooked;	    /* the slot does not lead straight to what it names */
	const char *image;  /* what the image is called */
};

/* Kinds of rows. The struct of each is named in front. */
extern const struct row_kind row_modules;      /* struct row: a listing, a search */
extern const struct row_kind row_dumps;	       /* struct row: the index of dumped modules */
extern const struct row_kind row_regions;      /* struct region_row */
extern const struct row_kind row_processes;    /* struct process_row */
extern const struct row_kind row_imports;      /* struct import_row */
extern const struct row_kind row_samples;      /* struct sample, see match.h */
extern const struct row_kind row_profiles;     /* struct profile_summary, see profile.h */
extern const struct row_kind row_surveys;      /* struct survey, see survey.h */
extern const struct row_kind row_descriptions; /* struct description, see survey.h */

#endif
