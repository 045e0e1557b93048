// Package version returns the version, commit and Go version of the running program.
package version

import (
	"cmp"
	"runtime/debug"
)

// number is set by the linker: -ldflags "-X github.com/sluice-ci/sluice/internal/version.number=v1.2.3".
var number string //nolint:gochecknoglobals // the linker can only set package variables

// unknown stands for values that the build did not record.
const unknown = "unknown"

// Info is the version of a program.
type Info struct {
	// Number is the release, or the output of git describe for a commit between releases; "devel" if the build recorded none.
	Number string
	// Revision is the commit, with "-dirty" if the tree had changes; "unknown" if the build recorded none.
	Revision string
	// Go is the version of Go that compiled the program.
	Go string
}

// Current returns the version of the running program.
func Current() Info {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		build = &debug.BuildInfo{}
	}
	return from(number, build)
}

// String returns the version in one line for users.
func (i Info) String() string {
	text := i.Number
	if i.Revision != unknown {
		text += " (" + i.Revision + ")"
	}
	return text + ", " + i.Go
}

// from combines the number from the linker with the information that the Go command recorded in the build.
func from(linked string, build *debug.BuildInfo) Info {
	info := Info{Number: linked, Revision: unknown, Go: cmp.Or(build.GoVersion, unknown)}
	if info.Number == "" && build.Main.Version != "(devel)" {
		info.Number = build.Main.Version // set by go install path@version
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
