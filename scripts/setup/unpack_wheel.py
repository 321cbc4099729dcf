"""Unpacks from a PyTorch wheel what a C++ program needs. Node cannot read a zip; Python is there, for pip's sake.

usage: unpack_wheel.py WHEEL FOLDER
exit status: 0 done, 3 the wheel holds a CUDA build, 4 the wheel is damaged
"""
import os
import posixpath
import re
import sys
import zipfile

# Libraries of Python's own door, of the shared-memory manager and of PyTorch's tests: nothing in C++ links them.
UNWANTED = re.compile(
    r"^(lib)?(torch_python|shm|torchbind_test|jitbackend_test|backend_with_compiler|aoti_custom_ops)\."
)
LIBRARY = re.compile(r"\.(so(\.\d+)*|dylib|dll|lib)$")


def wanted(name):
    folder, base = posixpath.split(name)
    if folder == "torch/lib":
        # Vendored libraries carry a hash or a version in their names; all of these stay.
        return not UNWANTED.match(base) and (LIBRARY.search(base) or ".so" in base)
    if name.startswith(("torch/include/", "torch/share/cmake/", "torch.libs/", "torch/.dylibs/")):
        return True
    if folder.partition("/")[0].endswith(".dist-info"):
        return "/licenses" in folder or base == "RECORD" or base.startswith(("LICENSE", "NOTICE"))
    return name == "torch/version.py"


def main(wheel, folder):
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [member for member in archive.infolist() if not member.is_dir() and wanted(member.filename)]
            if any(re.match(r"(lib)?torch_cuda\.", posixpath.basename(member.filename)) for member in members):
                return 3
            total = sum(member.file_size for member in members)
            done = 0
            for member in members:
                path = archive.extract(member, folder)
                # zipfile checks each member's CRC as it reads; what reached the disk is checked by its size.
                if os.path.getsize(path) != member.file_size:
                    print(f"{member.filename}: {os.path.getsize(path)} of {member.file_size} bytes", file=sys.stderr)
                    return 4
                before, done = done, done + member.file_size
                if done * 20 // total != before * 20 // total:
                    print(f"{done // 10**6} of {total // 10**6} MB", flush=True)
    except zipfile.BadZipFile as error:
        print(error, file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
