/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Assemblies at random, and families of them: see assembly.h. */
#include <writer/assembly.h>

#include <ctype.h>

/* Types of the .NET Framework's public interface, by what a program of that kind refers to. */
static const char *const groups[][24] = {
	{"System.Object", "System.String", "System.Exception", "System.Console", "System.Int32",
	 "System.Boolean", "System.Array", "System.Type", "System.Environment", "System.Char",
	 "System.CLSCompliantAttribute", "System.DateTime", "System.DBNull", "System.Math",
	 "System.Runtime.CompilerServices.CompilationRelaxationsAttribute",
	 "System.Runtime.CompilerServices.RuntimeCompatibilityAttribute",
	 "System.Diagnostics.DebuggableAttribute", "System.Reflection.AssemblyTitleAttribute",
	 "System.Runtime.Versioning.TargetFrameworkAttribute"},
	{"System.Threading.Tasks.Task", "System.Threading.Tasks.Task`1",
	 "System.Threading.Tasks.TaskFactory", "System.Threading.Thread", "System.Threading.Mutex",
	 "System.Threading.Timer", "System.Threading.Monitor", "System.Threading.Interlocked",
	 "System.Threading.ThreadStart", "System.Action", "System.Action`1", "System.Func`2",
	 "System.AsyncCallback", "System.IAsyncResult"},
	{"System.Collections.Generic.List`1", ".Enumerator", "System.Collections.Generic.IList`1",
	 "System.Collections.Generic.Dictionary`2", "System.Collections.IEnumerator",
	 ".KeyCollection", "System.Collections.Generic.KeyValuePair`2",
	 "System.Collections.Hashtable", "System.Linq.Enumerable", "System.IDisposable",
	 "System.Collections.ArrayList"},
	{"System.IO.File", "System.IO.Path", "System.IO.Directory", "System.IO.FileStream",
	 "System.IO.StreamReader", "System.IO.StreamWriter", "System.IO.MemoryStream",
	 "System.IO.Compression.GZipStream", "System.IO.BinaryReader", "System.IO.FileInfo",
	 "System.IO.DriveInfo", "System.IO.FileMode", ".SpecialFolder"},
	{"System.Net.Sockets.TcpClient", "System.Net.Sockets.NetworkStream", "System.Net.WebClient",
	 "System.Net.Sockets.Socket", "System.Net.IPAddress", "System.Net.Dns",
	 "System.Net.WebRequest", "System.Net.HttpWebRequest", "System.Net.Security.SslStream",
	 "System.Uri", "System.Net.ServicePointManager", "System.Net.NetworkInformation.Ping"},
	{"System.Security.Cryptography.Aes", "System.Security.Cryptography.MD5",
	 "System.Security.Cryptography.SHA256", "System.Security.Cryptography.CryptoStream",
	 "System.Security.Cryptography.RSACryptoServiceProvider", "System.Convert",
	 "System.Security.Cryptography.ProtectedData", "System.Text.Encoding",
	 "System.Security.Cryptography.RijndaelManaged", "System.Random", "System.BitConverter"},
	{"Microsoft.Win32.Registry", "Microsoft.Win32.RegistryKey", "System.Diagnostics.Process",
	 "System.Diagnostics.ProcessStartInfo", "System.Management.ManagementObjectSearcher",
	 "System.Management.ManagementObject", "System.Security.Principal.WindowsIdentity",
	 "System.Runtime.InteropServices.Marshal",
	 "System.Runtime.InteropServices.DllImportAttribute", "System.IntPtr", "System.Delegate",
	 "System.Reflection.Assembly", "System.AppDomain"},
	{"System.Windows.Forms.Form", "System.Windows.Forms.Control", "System.Windows.Forms.Button",
	 "System.Windows.Forms.Application", "System.Windows.Forms.MessageBox",
	 "System.Windows.Forms.Clipboard", "System.Windows.Forms.Keys",
	 "System.Windows.Forms.Screen", "System.Drawing.Bitmap", "System.Drawing.Graphics",
	 "System.Drawing.Rectangle", "System.Drawing.Imaging.ImageFormat",
	 "System.ComponentModel.Container", "System.EventHandler"},
};

enum { GROUPS = sizeof(groups) / sizeof(*groups), TYPES_MAX = 1200 };

static struct assembly_type split(const char *full)
{
	const char *dot = strrchr(full, '.');
	char *space = util_strdup(full);
	space[dot - full] = '\0';
	return (struct assembly_type){space, util_strdup(dot + 1)};
}

static struct assembly_type copy(const struct assembly_type *type)
{
	return (struct assembly_type){util_strdup(type->name_space), util_strdup(type->name)};
}

static const char *any_type(struct util_random *r, size_t group)
{
	size_t count = 0;
	while (count < 24 && groups[group][count])
		count++;
	return groups[group][util_random_below(r, count)];
}

/* A name of letters in any case, or of anything that a name may have. */
static char *any_name(struct util_random *r)
{
	static const char odd[] = "aAbB.`_-'<>$0129 ,;:|~\\/+=@#\x80\xc3\xff\x01\x1f\x7f\t";
	size_t length = 1 + util_random_below(r, util_random_below(r, 20) ? 12 : 700);
	char *name = util_alloc(length + 1, 1);
	bool plain = util_random_below(r, 4) != 0;
	for (size_t i = 0; i < length; i++)
		name[i] = plain ? "abcdeABCDE"[util_random_below(r, 10)]
				: odd[util_random_below(r, sizeof(odd) - 1)];
	return name;
}

/* Another one of the same letters, some in the other case. */
static char *other_case(struct util_random *r, const char *name)
{
	char *other = util_strdup(name);
	for (char *c = other; *c; c++)
		if (!util_random_below(r, 3) && isascii(*c))
			*c = (char)(isupper((unsigned char)*c) ? tolower((unsigned char)*c)
							       : toupper((unsigned char)*c));
	return other;
}

static struct assembly_type random_type(struct util_random *r, const struct assembly *a)
{
	if (util_random_below(r, 3))
		return split(any_type(r, util_random_below(r, GROUPS)));
	if (!a->type_count)
		return (struct assembly_type){util_strdup(""), any_name(r)};
	const struct assembly_type *old = &a->types[util_random_below(r, a->type_count)];
	switch (util_random_below(r, 4)) {
	case 0:
		return copy(old);
	case 1:
		return (struct assembly_type){util_strdup(old->name_space),
					      other_case(r, old->name)};
	case 2:
		return (struct assembly_type){other_case(r, old->name_space), any_name(r)};
	default:
		return (struct assembly_type){any_name(r), any_name(r)};
	}
}

/* Rows of other tables. Indices are widened by tables of 2^11, 2^13, 2^14, 2^15 or 2^16 rows. */
static void random_rows(struct assembly *a, struct util_random *r)
{
	static const struct {
		uint8_t pointers, of;
	} pointers[] = {{0x03, 0x04}, {0x05, 0x06}, {0x07, 0x08}, {0x13, 0x14}, {0x16, 0x17}};
	for (unsigned int i = 0; i < ASSEMBLY_TABLES; i++) {
		uint32_t rows = 1 + (uint32_t)util_random_below(r, 9);
		if (!util_random_below(r, 60))
			rows = (UINT32_C(1) << (11 + util_random_below(r, 6))) -
			       (uint32_t)util_random_below(r, 2);
		if (i != 0x00 && i != 0x01 && i != 0x20 && !util_random_below(r, 3))
			a->rows[i] = rows;
	}
	for (size_t i = 0; i < sizeof(pointers) / sizeof(*pointers); i++)
		a->rows[pointers[i].pointers] =
			a->uncompressed && util_random_below(r, 2) ? a->rows[pointers[i].of] : 0;
}

/* A GUID of random numbers says so (RFC 4122, version 4). */
static void mark_random(struct assembly *a)
{
	a->mvid[7] = (uint8_t)(0x40 | (a->mvid[7] & 15));
	a->mvid[8] = (uint8_t)(0x80 | (a->mvid[8] & 63));
}

void assembly_random(struct assembly *a, uint64_t seed)
{
	struct util_random r = {seed};
	*a = (struct assembly){.seed = seed};
	size_t count = util_random_below(&r, util_random_below(&r, 8) ? 60 : TYPES_MAX);
	a->types = util_alloc(count + 1, sizeof(*a->types));
	while (a->type_count < count) {
		struct assembly_type type = random_type(&r, a);
		a->types[a->type_count++] = type;
	}
	a->name = util_random_below(&r, 10) ? util_printf("made%llu", (unsigned long long)seed)
					    : NULL;
	for (unsigned int i = 0; i < 4; i++)
		a->version[i] = (uint16_t)util_random_below(&r, 1 << util_random_below(&r, 17));
	for (unsigned int i = 0; i < 16; i++)
		a->mvid[i] = (uint8_t)util_random(&r);
	mark_random(a);
	a->plus = util_random_below(&r, 2);
	a->heap_bits = (uint8_t)util_random_below(&r, 8);
	a->uncompressed = !util_random_below(&r, 4);
	a->strings_first = !util_random_below(&r, 4);
	a->extra_data = !util_random_below(&r, 4);
	a->decoys = !util_random_below(&r, 3);
	a->second_rows = !util_random_below(&r, 4);
	a->unknown_tables = !util_random_below(&r, 4);
	a->padding = (uint32_t)util_random_below(&r, 3) * 4;
	random_rows(a, &r);
}

/* Adds, leaves out or moves a type. */
static void change(struct assembly *a, struct util_random *r)
{
	size_t at = util_random_below(r, a->type_count);
	struct assembly_type *types = a->types;
	if (util_random_below(r, 2) && a->type_count < TYPES_MAX) {
		memmove(&types[at + 1], &types[at], (a->type_count++ - at) * sizeof(*types));
		types[at] = split(any_type(r, util_random_below(r, GROUPS)));
		return;
	}
	struct assembly_type taken = types[at];
	memmove(&types[at], &types[at + 1], (--a->type_count - at) * sizeof(*types));
	if (util_random_below(r, 2) || a->type_count < 8) {
		types[a->type_count++] = taken;
		return;
	}
	free((char *)(uintptr_t)taken.name_space);
	free((char *)(uintptr_t)taken.name);
}

void assembly_relative(struct assembly *a, uint64_t family, uint64_t member, unsigned int changes)
{
	struct util_random r = {family * 2654435761u + 1};
	*a = (struct assembly){.seed = family};
	a->types = util_alloc(TYPES_MAX + 1, sizeof(*a->types));
	size_t count = 20 + util_random_below(&r, 120);
	while (a->type_count < count) {
		/* Programs refer to what every program does, and to some of what they are for. */
		size_t group = util_random_below(&r, 3)
				       ? util_hash(util_random_below(&r, 2) ? "a" : "b") + family
				       : util_random(&r);
		a->types[a->type_count++] = split(any_type(&r, group % GROUPS));
	}
	a->name = util_printf("family%llu", (unsigned long long)family);
	r.state += member * 7919;
	for (unsigned int i = 0; i < 16; i++)
		a->mvid[i] = (uint8_t)util_random(&r);
	mark_random(a);
	for (unsigned int i = 0; member && i < changes; i++)
		change(a, &r);
}

void assembly_free(struct assembly *a)
{
	for (size_t i = 0; i < a->type_count; i++) {
		free((char *)(uintptr_t)a->types[i].name_space);
		free((char *)(uintptr_t)a->types[i].name);
	}
	free(a->types);
	free((char *)(uintptr_t)a->name);
	*a = (struct assembly){0};
}
