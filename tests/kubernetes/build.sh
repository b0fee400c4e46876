#!/usr/bin/env bash
# Builds the program of cluster/, a Kubernetes for tests, if it is not there, and prints its path as the last line.
# "build.sh --path" only prints where it would be. The first build downloads some 800 Go modules and takes minutes.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/local/go/bin  # where Go installs itself
if ! command -v go >/dev/null; then
  echo "go is missing: deploy/install_deps.sh installs it" >&2
  exit 1
fi

cd "$here/cluster"
hash=$(cat ./*.go go.mod go.sum <(go env GOVERSION) | sha256sum | cut -c 1-16)
folder=${PENSTOCK_CACHE:-$HOME/.cache/penstock}/kube-$hash
if [[ ${1:-} == --path ]]; then
  echo "$folder/kube"
  exit
fi

mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9
if [[ ! -x $folder/kube ]]; then
  # Without a version by the linker the API server would call itself v0.0.0.
  version=$(sed -n 's|^\tk8s.io/kubernetes v||p' go.mod)
  base=k8s.io/component-base/version
  CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X $base.gitVersion=v$version -X $base.gitMajor=${version%%.*} \
    -X $base.gitMinor=$(cut -d. -f2 <<<"$version")" -o "$folder/kube.part" . >&2
  mv "$folder/kube.part" "$folder/kube"
fi
echo "$folder/kube"
