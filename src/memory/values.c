/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading numbers, pointers and UNICODE_STRINGs through a space.
 */
#include <impscan/space.h>

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/text.h>

bool space_u16(struct space *space, uint64_t address, uint16_t *value)
{
	uint8_t bytes[2];
	if (!space_read(space, address, bytes, sizeof(bytes)))
		return false;
	*value = le16(bytes);
	return true;
}

bool space_u32(struct space *space, uint64_t address, uint32_t *value)
{
	uint8_t bytes[4];
	if (!space_read(space, address, bytes, sizeof(bytes)))
		return false;
	*value = le32(bytes);
	return true;
}

bool space_u64(struct space *space, uint64_t address, uint64_t *value)
{
	uint8_t bytes[8];
	if (!space_read(space, address, bytes, sizeof(bytes)))
		return false;
	*value = le64(bytes);
	return true;
}

bool space_pointer(struct space *space, uint64_t address, unsigned int size, uint64_t *value)
{
	if (size == 8)
		return space_u64(space, address, value);
	uint32_t narrow;
	if (!space_u32(space, address, &narrow))
		return false;
	*value = narrow;
	return true;
}

bool space_unicode_place(struct space *space, uint64_t address, unsigned int pointer_size,
			 uint64_t *buffer, uint16_t *length)
{
	uint8_t header[16];
	if (!space_read(space, address, header, pointer_size == 8 ? 16 : 8))
		return false;
	*length = le16(header);
	*buffer = le_pointer(header + (pointer_size == 8 ? 8 : 4), pointer_size);
	return !*length || (*length % 2 == 0 && *buffer);
}

char *space_utf16(struct space *space, uint64_t buffer, uint16_t length)
{
	if (!length)
		return alloc_strdup("");
	_cleanup_free_ uint8_t *utf16 = alloc_zero(length, 1);
	if (!space_read(space, buffer, utf16, length))
		return NULL;
	return text_from_utf16(utf16, length);
}

char *space_unicode_string(struct space *space, uint64_t address, unsigned int pointer_size)
{
	uint64_t buffer;
	uint16_t length;
	if (!space_unicode_place(space, address, pointer_size, &buffer, &length))
		return NULL;
	return space_utf16(space, buffer, length);
}
