// archive.h - libarchive, loaded when an archive is to be read or written
//
// It brings 17 other libraries, which cost every program that is linked with them
// 4 ms and 4 MiB at its start: more than most commands take. So it is not linked.
// Its functions are called through a table, `archives()->archive_read_new()`; the
// types are those of its own headers.
//
//     const struct archives *a = archives();
//     if (!a)
//             return no_archives(session);   // says why, 77

#ifndef IMG_ARCHIVE_H
#define IMG_ARCHIVE_H

#include "fs/img/img.h"

#ifndef OSLAB_WITHOUT_ARCHIVE

#include <archive.h>
#include <archive_entry.h>

#define ARCHIVE_CALLS(call)                     \
	call(archive_error_string)              \
	call(archive_read_new)                  \
	call(archive_read_support_filter_all)   \
	call(archive_read_support_format_tar)   \
	call(archive_read_support_format_cpio)  \
	call(archive_read_support_format_zip)   \
	call(archive_read_support_format_7zip)  \
	call(archive_read_support_format_iso9660) \
	call(archive_read_open_fd)              \
	call(archive_read_open_filename)        \
	call(archive_read_next_header)          \
	call(archive_read_data_block)           \
	call(archive_read_free)                 \
	call(archive_write_new)                 \
	call(archive_write_add_filter_none)     \
	call(archive_write_set_format_pax)      \
	call(archive_write_set_options)         \
	call(archive_write_set_bytes_per_block) \
	call(archive_write_set_bytes_in_last_block) \
	call(archive_write_open_fd)             \
	call(archive_write_header)              \
	call(archive_write_data)                \
	call(archive_write_close)               \
	call(archive_write_free)                \
	call(archive_entry_new)                 \
	call(archive_entry_clear)               \
	call(archive_entry_free)                \
	call(archive_entry_pathname)            \
	call(archive_entry_hardlink)            \
	call(archive_entry_symlink)             \
	call(archive_entry_filetype)            \
	call(archive_entry_mode)                \
	call(archive_entry_uid)                 \
	call(archive_entry_gid)                 \
	call(archive_entry_size)                \
	call(archive_entry_size_is_set)         \
	call(archive_entry_mtime)               \
	call(archive_entry_mtime_nsec)          \
	call(archive_entry_atime)               \
	call(archive_entry_atime_nsec)          \
	call(archive_entry_atime_is_set)        \
	call(archive_entry_ctime)               \
	call(archive_entry_ctime_nsec)          \
	call(archive_entry_ctime_is_set)        \
	call(archive_entry_rdevmajor)           \
	call(archive_entry_rdevminor)           \
	call(archive_entry_acl_reset)           \
	call(archive_entry_acl_next)            \
	call(archive_entry_acl_add_entry)       \
	call(archive_entry_xattr_reset)         \
	call(archive_entry_xattr_next)          \
	call(archive_entry_xattr_add_entry)     \
	call(archive_entry_sparse_add_entry)    \
	call(archive_entry_copy_pathname)       \
	call(archive_entry_copy_hardlink)       \
	call(archive_entry_copy_symlink)        \
	call(archive_entry_set_mode)            \
	call(archive_entry_set_filetype)        \
	call(archive_entry_set_perm)            \
	call(archive_entry_set_uid)             \
	call(archive_entry_set_gid)             \
	call(archive_entry_set_size)            \
	call(archive_entry_set_nlink)           \
	call(archive_entry_set_mtime)           \
	call(archive_entry_set_atime)           \
	call(archive_entry_set_ctime)           \
	call(archive_entry_set_birthtime)       \
	call(archive_entry_set_rdevmajor)       \
	call(archive_entry_set_rdevminor)

struct archives {
#define ARCHIVE_MEMBER(name) __typeof__(name) *name;
	ARCHIVE_CALLS(ARCHIVE_MEMBER)
#undef ARCHIVE_MEMBER
};

// NULL: this host does not have it. One thread calls this.
const struct archives *archives(void);

#endif

// Says that archives cannot be read or written here, and why; returns 77.
int no_archives(const struct session *);

#endif
