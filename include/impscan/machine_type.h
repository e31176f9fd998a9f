/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Machine types, as headers of PE files, crash dumps and symbol files have them. From Microsoft's
 * "PE Format", "Machine Types".
 *
 * Room: base.
 */
#ifndef IMPSCAN_MACHINE_TYPE_H
#define IMPSCAN_MACHINE_TYPE_H

#define IMAGE_FILE_MACHINE_I386	 0x14c
#define IMAGE_FILE_MACHINE_IA64	 0x200
#define IMAGE_FILE_MACHINE_AMD64 0x8664
#define IMAGE_FILE_MACHINE_ARM64 0xaa64

#endif
