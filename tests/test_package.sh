#!/bin/sh
# The Debian package of this build has what a user looks for, where Debian has it, and asks for what runs the program.
# usage: test_package.sh CPACK BUILD_FOLDER VERSION
set -eu

cpack=$1 build=$2 version=$3
if ! command -v dpkg-deb > found; then
    echo "no dpkg-deb: packages are not made here"
    exit 77
fi
# Dependencies by dpkg-shlibdeps are left out: of parts that come from elsewhere than packages it finds none, and stops.
"$cpack" --config "$build/CPackConfig.cmake" -G DEB -B made -D CPACK_DEBIAN_PACKAGE_SHLIBDEPS=OFF > cpack.log 2>&1 ||
    { cat cpack.log; exit 1; }
package=$(echo made/pdemoe_"$version"_*.deb)
dpkg-deb -f "$package" Depends | grep -q netcdf-bin
dpkg-deb -c "$package" > content
failed=0
for file in bin/pdemoe include/pdemoe/pdemoe.h '.*/libpdemoe.so' '.*/pkgconfig/pdemoe.pc' '.*/pdemoe-config.cmake' \
    share/man/man1/pdemoe.1 share/doc/pdemoe/README.md share/doc/pdemoe/LICENSE share/doc/pdemoe/docs/tutorial.md \
    share/doc/pdemoe/examples/time_stepping.c share/pdemoe/pdemoe.F90 share/pdemoe/cases/poisson/poisson.cdl \
    share/bash-completion/completions/pdemoe 'share/zsh/.*/_pdemoe'; do
    grep -q "/$file\( ->.*\)\{0,1\}\$" content || { echo "no $file in the package"; failed=1; }
done
if grep -e '/tests/' -e 'libpdemoe_whole' -e 'libcheck' content; then failed=1; fi
exit $failed
