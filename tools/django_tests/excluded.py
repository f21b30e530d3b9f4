"""The tests of Django that are left out, each with its reason."""

from __future__ import annotations

import django

_PATH = "it looks for the file on the disk"
_ATTRIBUTE = "it is about an attribute that only a FileSystemStorage has"
_FLAGS = "it overwrites by the flags of os.open"
_FOLDER = "it is about folders, which S3 does not have"
_ASKS = "Django's command says and asks other things where files go to a disk"
_CLEARS = "--clear deletes after the copy, and only files that the new deploy does not have"
_FINDS = "it lists the source of a project's own files, which is a disk"
_MANIFEST = "the manifest is in the bucket, not at a path"
_PERMISSIONS = "it is about permissions of files"
_TIME = "S3 keeps one time, that of the modification"

#: The methods, "Class.method" or whole classes, and their reasons.
EXCLUDED: dict[str, str] = {
    "OverwritingStorageOSOpenFlagsTests": _FLAGS,
    "OverwritingStorageOSOpenFlagsWarningTests": _FLAGS,
    "test_base_url": _ATTRIBUTE,
    "test_deconstruction": "it names FileSystemStorage",
    "test_delete_deletes_directories": _FOLDER,
    "test_delete_when_missing": _PATH,
    "test_directory_with_dot": _PATH,
    "test_empty_location": _ATTRIBUTE,
    "test_file_get_accessed_time": _TIME,
    "test_file_get_accessed_time_timezone": _TIME,
    "test_file_get_created_time": _TIME,
    "test_file_get_created_time_timezone": _TIME,
    "test_file_get_modified_time": _PATH,
    "test_file_methods_pathlib_path": _PATH,
    "test_file_object": _PATH,
    "test_file_path": _PATH,
    "test_file_name_truncation": (
        "two long names that begin alike stay two: a mark of the whole name takes eight letters"
    ),
    "test_file_save_broken_symlink": "it is about symbolic links",
    "test_file_save_with_path": _FOLDER,
    "test_file_save_without_name": _PATH,
    "test_file_storage_prevents_directory_traversal": (
        "a leading slash is dropped: rows of other storages have one. '..' is refused"
    ),
    "test_file_storage_preserves_filename_case": _PATH,
    "test_file_upload_default_permissions": _PERMISSIONS,
    "test_file_upload_directory_default_permissions": "it is about permissions of folders",
    "test_file_upload_directory_permissions": "it is about permissions of folders",
    "test_file_upload_permissions": _PERMISSIONS,
    "test_file_url": "it is about a base_url on the site's own host",
    "test_filename_case_preservation": _PATH,
    "test_first_character_dot": _PATH,
    "test_instantiate_missing": _PATH,
    "test_lazy_base_url_init": _ATTRIBUTE,
    "test_listdir": "it makes a folder on the disk",
    "test_makedirs_race_handling": _FOLDER,
    "test_move_temporary_file": "it is about moving a temporary file on the disk",
    "test_not_a_directory": _FOLDER,
    "test_race_condition": _PATH,
    "test_readonly_root": "it is about permissions of folders",
    "test_remove_race_handling": "it is about errors of os.remove",
    "test_save_overwrite_behavior_temp_file": _PATH,
    "test_setting_changed": _ATTRIBUTE,
    # staticfiles_tests
    "TestCollectionClear.test_verbosity_1": _CLEARS,
    "TestCollectionClear.test_verbosity_2": _CLEARS,
    "TestCollectionLinks": "it is about symbolic links",
    "TestCollectionNeverCopyStorage": "files are compared by content, and not by time",
    "TestCollectionVerbosity.test_verbosity_1": _ASKS,
    "TestCollectionVerbosity.test_verbosity_2": _ASKS,
    "TestCustomManifestStorage.test_read_manifest": _MANIFEST,
    "TestCustomManifestStorage.test_save_manifest_create": _MANIFEST,
    "TestDefaultStorageFinder": _FINDS,
    "TestStaticFilePermissions": _PERMISSIONS,
    "test_clear_empties_manifest": _PATH,
    "test_dir_not_exists": _FOLDER,
    "test_handle_path_notimplemented": "it reads the file of a storage that cannot be read",
    "test_intermediate_files": _PATH,
    "test_local_storage_detection_helper": "it names FileSystemStorage",
    "test_location_empty": "it is about STATIC_ROOT, which a bucket does not need",
    "test_manifest_does_not_ignore_permission_error": _MANIFEST,
    "test_manifest_exists": _PATH,
    "test_no_warning_for_empty_staticdir": _ASKS,
    "test_no_warning_when_staticdir_does_not_exist": _ASKS,
    "test_protocol_relative_url_ignored": "STATIC_URL is '/' there; a bucket's links need a path",
}
if django.VERSION < (5, 1):  # later versions have allow_overwrite, which is tested
    EXCLUDED |= {"test_save_doesnt_close": _FLAGS, "test_save_overwrite_behavior": _FLAGS}
