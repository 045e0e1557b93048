package main

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/ko/pkg/build"
)

// project is the folder of the source, from this package.
const project = "../.."

var hashes = regexp.MustCompile("`[0-9a-f]{12,40}`")

// small returns the ways without CRDs, which kustomize needs seconds for.
func small() []way {
	return slices.DeleteFunc(ways(), func(w way) bool {
		return slices.Contains([]string{"core", "monitoring", "monitoring-open", "signed-results"}, w.Folder)
	})
}

// madeUp writes a release with random images of the manifests of this project, and returns its folder.
func madeUp(t *testing.T) string {
	t.Helper()
	r := release{Version: "v1.2.3", Project: project, Repository: "registry.example.com/sluice"}
	folder := t.TempDir()
	references := map[string]string{}
	for _, name := range imageNames() {
		index, err := random.Index(64, 1, 2)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := writeLayout(filepath.Join(folder, imagesFolder, name), index)
		if err != nil {
			t.Fatal(err)
		}
		references[name] = r.Repository + "/" + name + "@" + digest.String()
	}
	if err := r.manifests(folder, small(), references); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, changesFile), "# Sluice v1.2.3\n")
	if err := writeChecksums(folder); err != nil {
		t.Fatal(err)
	}
	return folder
}

// TestVerify changes a release in one place, and, where the checksums would show that, computes them again.
func TestVerify(t *testing.T) {
	whole := madeUp(t)
	edit := func(file, old, with string) func(t *testing.T, folder string) {
		return func(t *testing.T, folder string) {
			text, err := os.ReadFile(filepath.Join(folder, file))
			if err != nil {
				t.Fatal(err)
			}
			changed := regexp.MustCompile(old).ReplaceAllString(string(text), with)
			if changed == string(text) {
				t.Fatalf("%s has no %q", file, old)
			}
			writeFile(t, filepath.Join(folder, file), changed)
		}
	}
	cases := map[string]struct {
		change  func(t *testing.T, folder string)
		resum   bool
		refusal string
	}{
		"Whole": {
			change: func(*testing.T, string) {},
		},
		"ChangedFile": {
			change:  edit("settings.yaml", "sidecar-logs", "sidecar-Logs"),
			refusal: "settings.yaml has the SHA-256 ",
		},
		"MissingFile": {
			change: func(t *testing.T, folder string) {
				if err := os.Remove(filepath.Join(folder, "settings.yaml")); err != nil {
					t.Fatal(err)
				}
			},
			refusal: "settings.yaml is missing",
		},
		"MoreFiles": {
			change: func(t *testing.T, folder string) {
				writeFile(t, filepath.Join(folder, "images", "extra"), "")
			},
			refusal: "images/extra is not in checksums.txt",
		},
		"WrongLine": {
			change: func(t *testing.T, folder string) {
				writeFile(t, filepath.Join(folder, checksumsFile), "sum\n")
			},
			refusal: `checksums.txt has the line "sum\n"`,
		},
		"OtherDigest": {
			change:  edit("release-coexist.yaml", `/controller@sha256:[0-9a-f]{64}`, "/controller@sha256:"+strings.Repeat("0", 64)),
			resum:   true,
			refusal: "release-coexist.yaml: has the image \"registry.example.com/sluice/controller@sha256:000",
		},
		"OtherImage": {
			change:  edit("release-coexist.yaml", `/inpod@`, "/other@"),
			resum:   true,
			refusal: "release-coexist.yaml: cannot find image \"registry.example.com/sluice/other@",
		},
		"Tag": {
			change:  edit("release-resolvers.yaml", `@sha256:[0-9a-f]{64}`, ":latest"),
			resum:   true,
			refusal: `has the image "registry.example.com/sluice/resolvers:latest", want one by digest`,
		},
		"NotBuilt": {
			change:  edit("release-resolvers.yaml", `registry.example.com/sluice/resolvers@`, "ko://x@"),
			resum:   true,
			refusal: "has \"ko://x@sha256:",
		},
		"Blob": {
			change: func(t *testing.T, folder string) {
				blobs, err := filepath.Glob(filepath.Join(folder, "images", "inpod", "blobs", "sha256", "*"))
				if err != nil {
					t.Fatal(err)
				}
				for _, blob := range blobs {
					text, err := os.ReadFile(blob)
					if err != nil {
						t.Fatal(err)
					}
					writeFile(t, blob, strings.ReplaceAll(string(text), "linux", "Linux")+" ")
				}
			},
			resum:   true,
			refusal: "is wrong: ",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(folder, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			tc.change(t, folder)
			if tc.resum {
				if err := writeChecksums(folder); err != nil {
					t.Fatal(err)
				}
			}
			check(t, verify(t.Context(), folder, small(), ""), tc.refusal)
		})
	}
}

// TestUnverifiedProgramIsNotRun: a release from the network can have any program. It runs only after all else is verified.
func TestUnverifiedProgramIsNotRun(t *testing.T) {
	private, _ := keyFiles(t, ecdsaKey(t))
	_, other := keyFiles(t, ecdsaKey(t))
	for name, tc := range map[string]struct {
		reason  string
		change  string
		key     string
		refusal string
		runs    bool
	}{
		"Whole": {
			reason:  "a release without problems runs its program",
			refusal: "want the version v1.2.3",
			runs:    true,
		},
		"Changed": {
			reason:  "a file does not have its checksum",
			change:  "settings.yaml",
			refusal: "settings.yaml has the SHA-256 ",
		},
		"SignedByAnother": {
			reason:  "the signature is that of another key",
			key:     other,
			refusal: "is not a signature of checksums.txt",
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder, mark := madeUp(t), filepath.Join(t.TempDir(), "ran")
			program := filepath.Join(folder, programName(runtime.GOOS+"/"+runtime.GOARCH))
			writeFile(t, program, "#!/bin/sh\necho ran >'"+mark+"'\n")
			if err := os.Chmod(program, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := writeChecksums(folder); err != nil {
				t.Fatal(err)
			}
			if err := sign(folder, private); err != nil {
				t.Fatal(err)
			}
			if tc.change != "" {
				writeFile(t, filepath.Join(folder, tc.change), "changed")
			}
			check(t, verify(t.Context(), folder, small(), tc.key), tc.refusal)
			if _, err := os.Stat(mark); (err == nil) != tc.runs {
				t.Errorf("%s: the program has run: %t, want %t", tc.reason, err == nil, tc.runs)
			}
		})
	}
}

// TestChecksumsAreThoseOfOtherPrograms: sha256sum accepts the file as it is.
func TestChecksumsAreThoseOfOtherPrograms(t *testing.T) {
	cmd := exec.Command("sha256sum", "--check", "--strict", "--quiet", checksumsFile)
	cmd.Dir = madeUp(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestManifestsNeedEveryImage: a reference without an image is an error that names it.
func TestManifestsNeedEveryImage(t *testing.T) {
	r := release{Version: "v1.2.3", Project: project, Repository: "registry.example.com/sluice"}
	err := r.manifests(t.TempDir(), small(), map[string]string{"controller": "c", "inpod": "i"})
	check(t, err, "cannot write release-resolvers.yaml: the release has no image for ko://github.com/sluice-ci/sluice/cmd/resolvers")
}

// TestImagesAreTheSameTwice builds an image of this project twice, and lists its contents.
func TestImagesAreTheSameTwice(t *testing.T) {
	created, err := commitTime(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	digests := make([]v1.Hash, 2)
	files := make([][]string, 2)
	for i := range digests {
		r := release{Version: "v1.2.3", Project: project, ImagePlatforms: []string{"linux/" + runtime.GOARCH}}
		folder := t.TempDir()
		builder, err := r.builder(t.Context(), filepath.Join(folder, contentsFolder), created)
		if err != nil {
			t.Fatal(err)
		}
		result, err := builder.Build(t.Context(), build.StrictScheme+module+"/cmd/inpod")
		if err != nil {
			t.Fatal(err)
		}
		if digests[i], err = writeLayout(filepath.Join(folder, "inpod"), result); err != nil {
			t.Fatal(err)
		}
		if err := verifyLayout(filepath.Join(folder, "inpod")); err != nil {
			t.Error(err)
		}
		if read, err := entry(filepath.Join(folder, "inpod")); read != digests[i] || err != nil {
			t.Errorf("want %s as the entry of the layout, got %s, %v", digests[i], read, err)
		}
		sums, err := checksums(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range slices.Sorted(maps.Keys(sums)) {
			files[i] = append(files[i], file+" "+sums[file])
		}
	}
	if diff := cmp.Diff(files[0], files[1]); diff != "" {
		t.Errorf("two builds differ, -first +second:\n%s", diff)
	}
	if list := strings.Join(files[0], "\n"); !strings.Contains(list, contentsFolder+"/inpod-linux-"+runtime.GOARCH+".spdx.json ") {
		t.Errorf("want a list of the contents, got:\n%s", list)
	}
}

// TestProgramRuns builds the command line for this machine, and runs it.
func TestProgramRuns(t *testing.T) {
	folder := t.TempDir()
	r := release{Version: "v1.2.3", Project: project}
	images := map[string]string{
		"controller": "registry.example.com/sluice/controller@sha256:1",
		"inpod":      "registry.example.com/sluice/inpod@sha256:2",
		"resolvers":  "registry.example.com/sluice/resolvers@sha256:3",
	}
	if err := r.program(t.Context(), folder, runtime.GOOS+"/"+runtime.GOARCH, images); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, changesFile), "# Sluice v1.2.3\n")
	check(t, verifyProgram(t.Context(), folder), "")
	writeFile(t, filepath.Join(folder, changesFile), "# Sluice v1.2.4\n")
	check(t, verifyProgram(t.Context(), folder), "want the version v1.2.4")

	program := filepath.Join(folder, programName(runtime.GOOS+"/"+runtime.GOARCH))
	out, err := exec.Command(program, "install", "--dry-run", "-o", "yaml").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, image := range images {
		if !bytes.Contains(out, []byte(image)) {
			t.Errorf("want the image of the release of %s in the manifests of sluice install", name)
		}
	}
}

// TestProgramNeedsNoLinux: no package of this project that the command line imports is for one operating system only. A build for each
// platform would take minutes.
func TestProgramNeedsNoLinux(t *testing.T) {
	for _, platform := range programPlatforms() {
		goos, goarch, _ := strings.Cut(platform, "/")
		cmd := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}}", "./cmd/"+commandLine)
		cmd.Dir, cmd.Env = project, append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for dependency := range strings.FieldsSeq(string(out)) {
			for _, linux := range []string{"internal/inpod/securefile", "internal/inpod/rundir"} {
				if goos != "linux" && dependency == module+"/"+linux {
					t.Errorf("%s: the command line imports %s, which compiles only for Linux", platform, linux)
				}
			}
		}
	}
}

func TestPlatforms(t *testing.T) {
	cases := map[string]struct {
		only             string
		images, programs []string
		refusal          string
	}{
		"All": {
			images:   imagePlatforms(),
			programs: programPlatforms(),
		},
		"One": {
			only:     "linux/arm64",
			images:   []string{"linux/arm64"},
			programs: []string{"linux/arm64"},
		},
		"Two": {
			only:     "windows/amd64,linux/amd64",
			images:   []string{"linux/amd64"},
			programs: []string{"linux/amd64", "windows/amd64"},
		},
		"NoImage": {
			only:    "darwin/arm64",
			refusal: "cannot build for darwin/arm64 only: the images need one of linux/amd64,linux/arm64",
		},
		"Unknown": {
			only:    "linux/amd64,plan9/386",
			refusal: `cannot build for platform "plan9/386": want some of darwin/amd64,`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			images, programs, err := platforms(tc.only)
			check(t, err, tc.refusal)
			if diff := cmp.Diff([][]string{tc.images, tc.programs}, [][]string{images, programs}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestProgramNames(t *testing.T) {
	var names []string
	for _, platform := range programPlatforms() {
		names = append(names, programName(platform))
	}
	want := []string{
		"sluice-darwin-amd64", "sluice-darwin-arm64", "sluice-linux-amd64", "sluice-linux-arm64",
		"sluice-windows-amd64.exe", "sluice-windows-arm64.exe",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestEveryFolderOfConfigHasAWay: a new way of installation is in the release, or listed here with a reason.
func TestEveryFolderOfConfigHasAWay(t *testing.T) {
	reasons := map[string]string{
		"coexist/controller": "a part of coexist",
		"controller":         "a part of core",
		"crd":                "a part of core",
		"crd/bases":          "a part of core",
		"default":            "release.yaml and settings.yaml",
		"policy":             "a part of core",
		"policy/pods":        "a part of core and coexist",
		"rbac":               "a part of core",
		"webhook":            "a part of core",
	}
	for _, w := range ways() {
		reasons[w.Folder] = w.File
	}
	root := os.DirFS(filepath.Join(project, "config"))
	err := fs.WalkDir(root, ".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".yaml" && reasons[filepath.ToSlash(filepath.Dir(path))] == "" {
			t.Errorf("config/%s is in no file of the release", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
