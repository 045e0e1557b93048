// Package version tells what a program of Sluice was built from.
package version

import (
	"cmp"
	"runtime/debug"
)

// number is set by the linker: -ldflags "-X github.com/sluice-ci/sluice/internal/version.number=v1.2.3".
var number string //nolint:gochecknoglobals // the linker can set nothing but variables of packages

// unknown stands for what the build has not told.
const unknown = "unknown"

// Info is what a program was built from.
type Info struct {
	// Number is the release, or what git describe says of a commit between two of them; "devel" when the build has not told.
	Number string
	// Revision is the commit, with "-dirty" where the tree was changed; "unknown" when the build has not told.
	Revision string
	// Go is the version of Go that compiled it.
	Go string
}

// Current returns what the running program was built from.
func Current() Info {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		build = &debug.BuildInfo{}
	}
	return from(number, build)
}

// String is what people want to read.
func (i Info) String() string {
	text := i.Number
	if i.Revision != unknown {
		text += " (" + i.Revision + ")"
	}
	return text + ", " + i.Go
}

// from completes what the linker was told by what the build has noted itself.
func from(linked string, build *debug.BuildInfo) Info {
	info := Info{Number: linked, Revision: unknown, Go: cmp.Or(build.GoVersion, unknown)}
	if info.Number == "" && build.Main.Version != "(devel)" {
		info.Number = build.Main.Version // as go install path@version gives it
	}
	info.Number = cmp.Or(info.Number, "devel")
	changed := ""
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			info.Revision = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				changed = "-dirty"
			}
		}
	}
	if info.Revision != unknown {
		info.Revision += changed
	}
	return info
}
