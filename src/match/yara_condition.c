/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Conditions of YARA rules, read from left to right by recursive descent:
 *
 *	condition := conjunction ("or" conjunction)*
 *	conjunction := negation ("and" negation)*
 *	negation := ("not" | "defined")* chain
 *	chain := primary (OPERATOR primary)*
 *	primary := TEXT | NUMBER | STRING | NAME | "(" list ")" | for | with ...
 *
 * Operators of a chain are all of one rank, which makes no difference for what matters: what an
 * imphash is compared with, and what negates that.
 */
#include "yara_condition.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "list.h"

#define DEPTH_MAX     100
#define VARIABLES_MAX 64

/* Hashes and names of rules in a condition, and texts in its sets. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define FINDS_MAX 10000
#else
#define FINDS_MAX 1000000
#endif

enum value_kind {
	VALUE_OTHER,
	VALUE_TEXT,
	VALUE_SET, /* one of several texts */
	VALUE_IMPHASH,
	VALUE_EXPRESSION,
	VALUE_TRUE,
	VALUE_FALSE,
	VALUE_ANY,  /* "any", "all", or a number that is not 0 */
	VALUE_NONE, /* "none", or 0 */
};

/* What a part of a condition is, and what is yet to become of the finds in it. */
struct value {
	enum value_kind kind;
	struct slice text;
	size_t set, set_count;
	size_t from;	/* its first find */
	bool negated;	/* its finds are to be negated ... */
	bool undecided; /* ... or nothing of them is decided */
};

struct yara_variable {
	struct slice name;
	struct value value; /* that it stands for */
};

struct reading {
	struct yara_condition *condition;
	struct yara_tokens *tokens;
};

static struct value read_or(struct reading *r);
static struct value read_primary(struct reading *r);

static struct value value_here(const struct reading *r)
{
	return (struct value){.from = r->condition->count};
}

static void fail(struct reading *r, const char *why)
{
	if (!r->condition->why)
		r->condition->why = why;
}

static void expect(struct reading *r, const char *sign)
{
	if (!yara_accept(r->tokens, sign))
		fail(r, "its condition is not understood");
}

/* What is to become of the finds of a value, up to `to`, becomes of them. */
static void apply(struct reading *r, struct value *value, size_t to)
{
	for (size_t i = value->from; (value->negated || value->undecided) && i < to; i++) {
		enum yara_meaning *meaning = &r->condition->finds[i].meaning;
		*meaning = value->undecided ? YARA_UNDECIDED : yara_negated(*meaning);
	}
	value->negated = value->undecided = false;
}

/* --- Comparisons --- */

static void find(struct reading *r, const struct value *value, enum yara_find_kind kind,
		 enum yara_meaning meaning)
{
	struct yara_condition *condition = r->condition;
	if (condition->count == FINDS_MAX) {
		fail(r, "its condition has more than 1000000 hashes and names");
		return;
	}
	struct yara_find *new = array_push(condition->finds, condition->count, condition->capacity);
	new->kind = kind;
	new->meaning = meaning;
	new->text = value->text;
	new->set = value->set;
	new->set_count = value->kind == VALUE_SET ? value->set_count : 0;
	new->line = r->tokens->line;
}

/* An imphash and what it is compared with; `swapped`: the imphash is on the right. */
static void compare(struct reading *r, const char *sign, const struct value *with, bool swapped)
{
	static const struct {
		const char *sign;
		enum yara_find_kind kind, swapped_kind;
		enum yara_meaning meaning;
	} operators[] = {
		{"==", FIND_EQUAL_CASE, FIND_EQUAL_CASE, YARA_WANTED},
		{"!=", FIND_EQUAL_CASE, FIND_EQUAL_CASE, YARA_EXCLUDED},
		{"iequals", FIND_EQUAL, FIND_EQUAL, YARA_WANTED},
		{"in", FIND_EQUAL, FIND_PART, YARA_WANTED},
		{"contains", FIND_PART, FIND_WORDS, YARA_WANTED},
		{"icontains", FIND_PART, FIND_WORDS, YARA_WANTED},
		{"startswith", FIND_PART, FIND_PART, YARA_WANTED},
		{"istartswith", FIND_PART, FIND_PART, YARA_WANTED},
		{"endswith", FIND_PART, FIND_PART, YARA_WANTED},
		{"iendswith", FIND_PART, FIND_PART, YARA_WANTED},
	};
	if (with->kind == VALUE_EXPRESSION)
		find(r, with, FIND_EXPRESSION, YARA_WANTED);
	if (with->kind != VALUE_TEXT && with->kind != VALUE_SET)
		return;
	for (size_t i = 0; i < array_size(operators); i++) {
		if (strcmp(sign, operators[i].sign))
			continue;
		find(r, with, swapped ? operators[i].swapped_kind : operators[i].kind,
		     operators[i].meaning);
		return;
	}
	find(r, with, FIND_PART, YARA_UNDECIDED); /* "<" and the like */
}

/* Is a value compared with true or false, or with 1 or 0? It is itself, or its opposite, then. */
static bool compare_truth(const char *sign, struct value *value, const struct value *with)
{
	const bool equal = !strcmp(sign, "=="), unequal = !strcmp(sign, "!=");
	const bool one = with->kind == VALUE_ANY && with->text.length == 1 && *with->text.at == '1';
	const bool truth = with->kind == VALUE_TRUE || one;
	if ((!equal && !unequal) ||
	    (!truth && with->kind != VALUE_FALSE && with->kind != VALUE_NONE))
		return false;
	value->negated ^= truth != equal;
	return true;
}

static struct value combine(struct reading *r, const char *sign, struct value left,
			    struct value right)
{
	struct value result = {.from = left.from};
	const bool finds_left = right.from > left.from,
		   finds_right = r->condition->count > right.from;
	if (!finds_left && !finds_right) {
		if (left.kind == VALUE_IMPHASH)
			compare(r, sign, &right, false);
		else if (right.kind == VALUE_IMPHASH)
			compare(r, sign, &left, true);
		return result;
	}
	if (finds_left && !finds_right && compare_truth(sign, &left, &right)) {
		left.kind = VALUE_OTHER;
		return left;
	}
	if (finds_right && !finds_left && compare_truth(sign, &right, &left)) {
		right.kind = VALUE_OTHER;
		return right;
	}
	result.undecided = true;
	return result;
}

/* --- Quantities --- */

/* What becomes of the finds in a value of which so many must hold. */
static void quantify(const struct value *quantity, struct value *value)
{
	value->kind = VALUE_OTHER;
	value->negated ^= quantity->kind == VALUE_NONE;
	value->undecided |= quantity->kind != VALUE_NONE && quantity->kind != VALUE_ANY;
}

/* What is found in a value that is no condition, as a number or a set to go through. */
static void undecide(struct reading *r, struct value *value)
{
	value->undecided = true;
	apply(r, value, r->condition->count);
}

/* "of" has been read: a set of strings, rules or conditions. */
static struct value read_of(struct reading *r, struct value quantity)
{
	struct value set;
	undecide(r, &quantity);
	set = read_primary(r);
	quantify(&quantity, &set);
	apply(r, &set, r->condition->count);
	set.from = quantity.from;
	return set;
}

static void push_variable(struct reading *r, struct slice name, const struct value *value)
{
	struct yara_condition *condition = r->condition;
	if (condition->variable_count == VARIABLES_MAX)
		fail(r, "its condition has more than 64 variables at once");
	else
		*array_push(condition->variables, condition->variable_count,
			    condition->variable_capacity) = (struct yara_variable){name, *value};
}

/* The texts that a variable goes through; nothing where it goes through something else. */
static struct value of_iterable(const struct value *iterable)
{
	const struct value nothing = {.kind = VALUE_OTHER};
	return iterable->kind == VALUE_SET || iterable->kind == VALUE_TEXT ? *iterable : nothing;
}

/* "for" has been read: QUANTITY ("of" SET | NAMES "in" ITERABLE) ":" "(" condition ")". */
static struct value read_for(struct reading *r)
{
	const size_t outside = r->condition->variable_count;
	struct value start = value_here(r), quantity = read_primary(r), iterable;
	undecide(r, &quantity);
	yara_accept(r->tokens, "%");
	if (yara_accept(r->tokens, "of")) {
		iterable = read_primary(r);
	} else {
		struct value nothing = {.kind = VALUE_OTHER};
		do {
			push_variable(r, r->tokens->token.text, &nothing);
			yara_next(r->tokens);
		} while (yara_accept(r->tokens, ","));
		expect(r, "in");
		iterable = read_primary(r);
		if (r->condition->variable_count == outside + 1)
			r->condition->variables[outside].value = of_iterable(&iterable);
	}
	undecide(r, &iterable);
	expect(r, ":");
	struct value body = read_primary(r);
	quantify(&quantity, &body);
	apply(r, &body, r->condition->count);
	r->condition->variable_count = outside;
	return start;
}

/* "with" has been read: NAME "=" VALUE ("," NAME "=" VALUE)* ":" "(" condition ")". */
static struct value read_with(struct reading *r)
{
	const size_t outside = r->condition->variable_count;
	struct value start = value_here(r);
	do {
		struct slice name = r->tokens->token.text;
		yara_next(r->tokens);
		expect(r, "=");
		struct value value = read_or(r);
		undecide(r, &value); /* what has a name may be used in any way */
		push_variable(r, name, &value);
	} while (yara_accept(r->tokens, ","));
	expect(r, ":");
	struct value body = read_primary(r);
	apply(r, &body, r->condition->count);
	r->condition->variable_count = outside;
	return start;
}

/* --- Names --- */

static bool is_imphash(const char *path)
{
	static const char *const names[] = {"pe.imphash", "vt.metadata.imphash", "imphash",
					    "vt.metadata.pe_info.imphash"};
	for (size_t i = 0; i < array_size(names); i++)
		if (!strcmp(path, names[i]))
			return true;
	return false;
}

static struct value read_list(struct reading *r, const char *end);

/* The name of another rule, or the beginning of its name: "Name*". */
static struct value refer(struct reading *r, struct slice name)
{
	struct value value = value_here(r);
	value.text = name;
	struct yara_tokens ahead = *r->tokens;
	bool star = yara_accept(&ahead, "*") && (yara_is(&ahead, ",") || yara_is(&ahead, ")"));
	if (star)
		*r->tokens = ahead;
	find(r, &value, star ? FIND_RULES : FIND_RULE, YARA_WANTED);
	value.text = (struct slice){0};
	return value;
}

/* Adds to a path of `length` bytes. Returns its length, or `room` where there is none for it. */
static size_t add_part(char *path, size_t room, size_t length, struct slice part)
{
	if (length + part.length + 2 > room)
		return room;
	if (length)
		path[length++] = '.';
	memcpy(path + length, part.at, part.length);
	path[length + part.length] = '\0';
	return length + part.length;
}

/* A name with what is behind it: pe.imphash(), pe.sections[0].name, Rule. */
static struct value read_name(struct reading *r)
{
	struct slice name = r->tokens->token.text;
	struct value value = value_here(r);
	char path[32] = "";
	size_t length = 0;
	bool simple = true, next = true;
	while (next && r->tokens->token.kind == YARA_WORD) {
		struct slice part = r->tokens->token.text;
		length = add_part(path, sizeof(path), length, part);
		yara_next(r->tokens);
		for (;;) {
			bool index = yara_is(r->tokens, "[");
			if (!index && !yara_is(r->tokens, "("))
				break;
			yara_next(r->tokens);
			struct value inner = read_list(r, index ? "]" : ")");
			undecide(r, &inner);
			length = index ? sizeof(path) : length;
			simple = false;
		}
		next = yara_accept(r->tokens, ".");
		simple &= !next;
	}
	if (length < sizeof(path) && is_imphash(path))
		value.kind = VALUE_IMPHASH;
	else if (simple)
		return refer(r, name);
	return value;
}

/* A name that is a variable's. */
static const struct value *variable(const struct reading *r, struct slice name)
{
	for (size_t i = r->condition->variable_count; i; i--) {
		const struct yara_variable *variable = &r->condition->variables[i - 1];
		if (variable->name.length == name.length &&
		    !memcmp(variable->name.at, name.at, name.length))
			return &variable->value;
	}
	return NULL;
}

static bool is_operator(const struct yara_tokens *tokens, const char **sign)
{
	static const char *const operators[] = {
		"==", "!=", "<",  ">",	"<=",	      ">=",	     "contains", "icontains",
		"+",  "-",  "*",  "\\", "startswith", "istartswith", "endswith", "iendswith",
		"%",  "&",  "|",  "^",	"<<",	      ">>",	     "iequals",	 "matches",
		"..", "in", "at", "/",	"of",
	};
	for (size_t i = 0; i < array_size(operators); i++)
		if (yara_is(tokens, operators[i])) {
			*sign = operators[i];
			return true;
		}
	return false;
}

/* Words that are no names. */
static bool is_keyword(const struct yara_tokens *tokens)
{
	static const char *const keywords[] = {"and", "or", "rule", "private", "global", "import"};
	const char *sign;
	for (size_t i = 0; i < array_size(keywords); i++)
		if (yara_is(tokens, keywords[i]))
			return true;
	return tokens->token.kind == YARA_WORD && is_operator(tokens, &sign);
}

/* --- Values --- */

/* Words with a meaning of their own; false: it is none. */
static bool read_constant(struct reading *r, struct value *value)
{
	static const struct {
		const char *word;
		enum value_kind kind;
	} words[] = {
		{"true", VALUE_TRUE},	   {"false", VALUE_FALSE},	{"any", VALUE_ANY},
		{"all", VALUE_ANY},	   {"none", VALUE_NONE},	{"them", VALUE_OTHER},
		{"filesize", VALUE_OTHER}, {"entrypoint", VALUE_OTHER},
	};
	for (size_t i = 0; i < array_size(words); i++)
		if (yara_accept(r->tokens, words[i].word)) {
			value->kind = words[i].kind;
			return true;
		}
	return false;
}

static struct value read_word(struct reading *r)
{
	struct value value = value_here(r);
	const struct value *bound;
	if (read_constant(r, &value))
		return value;
	if (is_keyword(r->tokens)) {
		fail(r, "its condition is not understood");
		return value;
	}
	if (yara_accept(r->tokens, "for"))
		return read_for(r);
	if (yara_accept(r->tokens, "with"))
		return read_with(r);
	bound = variable(r, r->tokens->token.text);
	if (!bound)
		return read_name(r);
	value = *bound;
	value.from = r->condition->count;
	struct yara_tokens before = *r->tokens;
	yara_next(r->tokens);
	if (yara_is(r->tokens, ".") || yara_is(r->tokens, "[") || yara_is(r->tokens, "(")) {
		*r->tokens = before;
		value = read_name(r); /* a member of what the variable stands for */
		value.kind = VALUE_OTHER;
	}
	return value;
}

/* What is in brackets, the first of which has been read: one value, or a set. */
static struct value read_list(struct reading *r, const char *end)
{
	struct yara_condition *condition = r->condition;
	struct value list = value_here(r);
	const size_t set = condition->text_count;
	size_t count = 0;
	if (yara_accept(r->tokens, end))
		return list;
	do {
		struct value value = read_or(r);
		if (!count++ && yara_accept(r->tokens, end))
			return value;
		apply(r, &value, condition->count);
		if (condition->text_count == FINDS_MAX)
			fail(r, "its condition has more than 1000000 texts");
		else if (value.kind == VALUE_TEXT)
			*array_push(condition->texts, condition->text_count,
				    condition->text_capacity) = (struct yara_text){value.text, 0};
	} while (!condition->why && yara_accept(r->tokens, ","));
	expect(r, end);
	list.set = set;
	list.set_count = condition->text_count - set;
	list.kind = list.set_count == count ? VALUE_SET : VALUE_OTHER;
	return list;
}

static struct value read_number(struct reading *r)
{
	struct value value = value_here(r);
	struct slice text = r->tokens->token.text;
	value.kind = VALUE_NONE;
	value.text = text;
	for (size_t i = 0; i < text.length && isdigit((unsigned char)text.at[i]); i++)
		if (text.at[i] != '0')
			value.kind = VALUE_ANY;
	/* 0x0 is seldom, and other forms of 0 are more so. */
	if (text.length > 2 && *text.at == '0' && isalpha((unsigned char)text.at[1]))
		value.kind = VALUE_OTHER;
	yara_next(r->tokens);
	return value;
}

static struct value read_other(struct reading *r)
{
	struct value value = value_here(r);
	const struct yara_token token = r->tokens->token;
	if (token.kind == YARA_NUMBER)
		return read_number(r);
	if (token.kind == YARA_TEXT) {
		value.kind = VALUE_TEXT;
		value.text = token.text;
		yara_next(r->tokens);
	} else if (token.kind == YARA_STRING) {
		yara_next(r->tokens);
		if (yara_accept(r->tokens, "[")) {
			value = read_list(r, "]");
			value.undecided = true;
			value.kind = VALUE_OTHER;
		}
	} else if (yara_accept(r->tokens, "(")) {
		return read_list(r, ")");
	} else if (yara_is(r->tokens, "/")) {
		value.kind = VALUE_EXPRESSION;
		yara_skip_expression(r->tokens);
	} else if (yara_accept(r->tokens, "-") || yara_accept(r->tokens, "~")) {
		value = read_primary(r);
		value.undecided = true;
		value.kind = VALUE_OTHER;
	} else {
		fail(r, "its condition is not understood");
	}
	return value;
}

static struct value read_primary(struct reading *r)
{
	struct value value = value_here(r);
	if (r->condition->why)
		return value;
	if (++r->condition->depth > DEPTH_MAX)
		fail(r, "its condition is more than 100 deep");
	else
		value = r->tokens->token.kind == YARA_WORD ? read_word(r) : read_other(r);
	r->condition->depth--;
	return value;
}

/* "$a*", the beginning of names, in a set. */
static bool accept_star(struct reading *r, const struct value *left)
{
	struct yara_tokens ahead = *r->tokens;
	if (left->kind != VALUE_OTHER || !yara_accept(&ahead, "*") ||
	    (!yara_is(&ahead, ",") && !yara_is(&ahead, ")")))
		return false;
	*r->tokens = ahead;
	return true;
}

/* "50% of ..." */
static bool accept_percent(struct reading *r)
{
	struct yara_tokens ahead = *r->tokens;
	if (!yara_accept(&ahead, "%") || !yara_is(&ahead, "of"))
		return false;
	*r->tokens = ahead;
	return true;
}

static struct value read_chain(struct reading *r)
{
	struct value left = read_primary(r);
	const char *sign;
	while (!r->condition->why && is_operator(r->tokens, &sign)) {
		if (accept_star(r, &left) || accept_percent(r))
			continue;
		yara_next(r->tokens);
		if (!strcmp(sign, "of")) {
			left = read_of(r, left);
			continue;
		}
		struct value right = read_primary(r);
		left = combine(r, sign, left, right);
	}
	return left;
}

static struct value read_negation(struct reading *r)
{
	bool negated = false, defined = false;
	for (;;) {
		if (yara_accept(r->tokens, "not"))
			negated = !negated;
		else if (yara_accept(r->tokens, "defined"))
			defined = true;
		else
			break;
	}
	struct value value = read_chain(r);
	value.negated ^= negated;
	value.undecided |= defined;
	if (negated || defined)
		value.kind = VALUE_OTHER;
	return value;
}

/* Parts joined by a word. */
static struct value read_joined(struct reading *r, const char *word,
				struct value (*read_part)(struct reading *r))
{
	struct value value = read_part(r);
	while (!r->condition->why && yara_accept(r->tokens, word)) {
		apply(r, &value, r->condition->count);
		value.kind = VALUE_OTHER;
		struct value other = read_part(r);
		apply(r, &other, r->condition->count);
	}
	return value;
}

static struct value read_and(struct reading *r)
{
	return read_joined(r, "and", read_negation);
}

static struct value read_or(struct reading *r)
{
	return read_joined(r, "or", read_and);
}

static bool ends(const struct yara_tokens *tokens)
{
	return tokens->token.kind == YARA_END || yara_is(tokens, "}") || yara_is(tokens, "rule") ||
	       yara_is(tokens, "private") || yara_is(tokens, "global");
}

void yara_condition_read(struct yara_condition *condition, struct yara_tokens *tokens)
{
	struct reading r = {condition, tokens};
	const char *why = NULL;
	condition->count = condition->text_count = 0;
	/* What can't be read is read in pieces, so that its hashes are counted. */
	do {
		const char *before = tokens->rest.at;
		condition->variable_count = condition->depth = 0;
		condition->why = NULL;
		struct value value = read_or(&r);
		apply(&r, &value, condition->count);
		if (!condition->why && !ends(tokens))
			fail(&r, "its condition is not understood");
		why = why ? why : condition->why;
		if (!ends(tokens) && (tokens->rest.at == before || condition->why))
			yara_next(tokens);
	} while (!ends(tokens));
	condition->why = why;
	struct value all = {.undecided = why != NULL};
	apply(&r, &all, condition->count);
}

void yara_condition_free(struct yara_condition *condition)
{
	free(condition->finds);
	free(condition->texts);
	free(condition->variables);
	*condition = (struct yara_condition){0};
}
