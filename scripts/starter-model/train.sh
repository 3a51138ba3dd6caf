#!/bin/sh
# Trains the starter model from nothing and writes media/starter-model/jan-guide.gguf. See README.md beside this file.
# Needs Debian 12 (or newer) and these packages, installed when missing and we are root; two cores and 1.5 GB of memory.
set -eu
PACKAGES='python3-torch libopenblas0-pthread python3-numpy'
missing=''
for package in $PACKAGES; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "Missing Debian packages:$missing. Install them as root: apt-get install -y --no-install-recommends$missing" >&2
    exit 1
  fi
  apt-get update -q
  apt-get install -y -q --no-install-recommends $missing
fi
# The same order of sums on every run.
export PYTHONHASHSEED=0 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# Big buffers are reused instead of mapped anew: twice as fast.
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=67108864
# Debian's own Python: a pyenv or conda one does not see Debian's torch.
exec nice -n 10 /usr/bin/python3 "$(dirname "$0")/train.py" "$@"
