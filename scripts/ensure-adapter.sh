#!/bin/sh
# Makes sure that wgpu finds an adapter: does nothing where one works, else installs Mesa's software
# Vulkan (lavapipe) with the system's package manager. Never touches a driver that is there.
#
# usage: scripts/ensure-adapter.sh FLOPCAST     (the built binary, asked for its adapters)
set -eu

flopcast=${1:?usage: scripts/ensure-adapter.sh FLOPCAST}

if "$flopcast" devices >/dev/null 2>&1; then
    exit 0
fi

system=$(uname -s)
case $system in
Linux) ;;
*)
    echo "no adapter found; on $system the graphics driver comes with the system, so nothing is installed" >&2
    exit 0
    ;;
esac

if command -v apt-get >/dev/null 2>&1; then
    refresh="apt-get update -qq"
    install="apt-get install -y -qq --no-install-recommends mesa-vulkan-drivers libvulkan1"
elif command -v dnf >/dev/null 2>&1; then
    refresh=true
    install="dnf install -y mesa-vulkan-drivers vulkan-loader"
elif command -v pacman >/dev/null 2>&1; then
    refresh="pacman -Sy"
    install="pacman -S --noconfirm --needed vulkan-swrast vulkan-icd-loader"
elif command -v apk >/dev/null 2>&1; then
    refresh=true
    install="apk add mesa-vulkan-swrast vulkan-loader"
else
    echo "error: no adapter found, and none of apt-get, dnf, pacman and apk to install one with" >&2
    echo "hint: install a Vulkan driver and loader; without a GPU, Mesa's lavapipe" >&2
    exit 3
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "error: no adapter found, and installing one takes root" >&2
        echo "hint: as root: $install" >&2
        exit 3
    fi
    as_root=sudo
fi

echo "no adapter found: installing Mesa's software Vulkan driver, so that there is something to measure" >&2
echo "+ $as_root $install" >&2
export DEBIAN_FRONTEND=noninteractive
$as_root $refresh >&2
$as_root $install >&2

if ! "$flopcast" devices >&2; then
    echo "error: still no adapter after the installation" >&2
    exit 3
fi
