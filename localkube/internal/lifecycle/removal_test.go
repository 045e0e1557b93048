package lifecycle

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// write creates a file, and the folders above it.
func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("content of "+filepath.Base(path)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tree lists everything below root: folders with a slash, files with their content.
func tree(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, root)
		if entry.Type().IsRegular() {
			content, err := os.ReadFile(path)
			all = append(all, name+" = "+string(content))
			return err
		}
		all = append(all, name+" "+entry.Type().String())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// busyPort returns a port in use, so that an `up` with it fails.
func busyPort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

// claimed marks the directory as that of a cluster whose processes have all ended.
func claimed(t *testing.T, dir string) state.Dir {
	t.Helper()
	d, err := state.Resolve(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Claim(); err != nil {
		t.Fatal(err)
	}
	if err := d.Make(); err != nil {
		t.Fatal(err)
	}
	if err := d.SaveCluster(state.Cluster{APIOnly: true, APIPort: 6443, EtcdPort: 1}); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "etcd", "member", "db"))
	return d
}

// TestUpThatFailsRemovesNothing: an up that cannot get its port must not change any file of the machine, whatever directory
// it was given. It once removed the whole directory, with the user's files.
func TestUpThatFailsRemovesNothing(t *testing.T) {
	cases := map[string]struct {
		reason string
		// prepare creates files below root, and returns the value of --dir.
		prepare func(t *testing.T, root string) string
		want    string // part of the error
	}{
		"Missing": {
			reason:  "A directory that up created is removed.",
			prepare: func(_ *testing.T, root string) string { return filepath.Join(root, "new") },
			want:    "cannot use port",
		},
		"Empty": {
			reason: "An empty directory existed before, so it is kept.",
			prepare: func(t *testing.T, root string) string {
				if err := os.Mkdir(filepath.Join(root, "empty"), 0o700); err != nil {
					t.Fatal(err)
				}
				return filepath.Join(root, "empty")
			},
			want: "cannot use port",
		},
		"Files": {
			reason: "A directory with files is refused, and the error names some.",
			prepare: func(t *testing.T, root string) string {
				write(t, filepath.Join(root, "precious", "thesis.txt"))
				return filepath.Join(root, "precious")
			},
			want: `it contains "thesis.txt"; choose another with --dir`,
		},
		"ManyFiles": {
			reason: "The error names only a few of many files.",
			prepare: func(t *testing.T, root string) string {
				for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
					write(t, filepath.Join(root, "precious", name))
				}
				return filepath.Join(root, "precious")
			},
			want: `"e" and 2 more`,
		},
		"Hidden": {
			reason: "A hidden file counts as a file.",
			prepare: func(t *testing.T, root string) string {
				write(t, filepath.Join(root, "precious", ".env"))
				return filepath.Join(root, "precious")
			},
			want: `".env"`,
		},
		"OurNames": {
			reason: "Folders with the names of the cluster's folders may belong to a user.",
			prepare: func(t *testing.T, root string) string {
				write(t, filepath.Join(root, "project", "config", "app.yaml"))
				write(t, filepath.Join(root, "project", "logs", "app.log"))
				return filepath.Join(root, "project")
			},
			want: `"config", "logs"`,
		},
		"OtherCluster": {
			reason: "A state file may belong to another program.",
			prepare: func(t *testing.T, root string) string {
				if err := os.WriteFile(filepath.Join(root, "cluster.json"), []byte(`{"name": "prod", "apiPort": 6443}`), 0o600); err != nil {
					t.Fatal(err)
				}
				return root
			},
			want: `"cluster.json"`,
		},
		"Dot": {
			reason: "The working directory gets no exception.",
			prepare: func(t *testing.T, root string) string {
				write(t, filepath.Join(root, "thesis.txt"))
				t.Chdir(root)
				return "."
			},
			want: `"thesis.txt"`,
		},
		"Home": {
			reason: "The home directory gets no exception.",
			prepare: func(t *testing.T, root string) string {
				write(t, filepath.Join(root, "home", ".bashrc"))
				t.Setenv("HOME", filepath.Join(root, "home"))
				return os.Getenv("HOME")
			},
			want: `".bashrc"`,
		},
		"Link": {
			reason: "A link stands for its target.",
			prepare: func(t *testing.T, root string) string {
				write(t, filepath.Join(root, "precious", "thesis.txt"))
				if err := os.Symlink("precious", filepath.Join(root, "link")); err != nil {
					t.Fatal(err)
				}
				return filepath.Join(root, "link")
			},
			want: `"thesis.txt"`,
		},
		"LinkToEmpty": {
			reason: "Neither the link nor its target belongs to a cluster.",
			prepare: func(t *testing.T, root string) string {
				if err := errors.Join(os.Mkdir(filepath.Join(root, "empty"), 0o755), os.Symlink("empty", filepath.Join(root, "link"))); err != nil {
					t.Fatal(err)
				}
				return filepath.Join(root, "link")
			},
			want: "cannot use port",
		},
		"File": {
			reason: "A file is not a directory.",
			prepare: func(t *testing.T, root string) string {
				write(t, filepath.Join(root, "thesis.txt"))
				return filepath.Join(root, "thesis.txt")
			},
			want: "not a directory",
		},
		"LockOfAnother": {
			reason: "A lock file of another program beside the directory is kept.",
			prepare: func(t *testing.T, root string) string {
				if err := os.WriteFile(filepath.Join(root, "poetry.lock"), nil, 0o644); err != nil {
					t.Fatal(err)
				}
				return filepath.Join(root, "poetry")
			},
			want: "cannot use port",
		},
		"StrangeLock": {
			reason: "A file with the name of the lock that is not empty belongs to another program.",
			prepare: func(t *testing.T, root string) string {
				write(t, filepath.Join(root, ".new.localkube-lock"))
				return filepath.Join(root, "new")
			},
			want: "it is not a lock of localkube",
		},
		"AnotherCluster": {
			reason: "A cluster with other settings keeps its data.",
			prepare: func(t *testing.T, root string) string {
				claimed(t, filepath.Join(root, "cluster"))
				return filepath.Join(root, "cluster")
			},
			want: "it has port 6443",
		},
		"WithinACluster": {
			reason: "A directory within a cluster's directory would be removed with that cluster.",
			prepare: func(t *testing.T, root string) string {
				claimed(t, filepath.Join(root, "cluster"))
				return filepath.Join(root, "cluster", "a", "b")
			},
			want: "the directory of another cluster",
		},
		"CopyOfACluster": {
			reason: "A backup of a cluster is neither started nor removed.",
			prepare: func(t *testing.T, root string) string {
				claimed(t, filepath.Join(root, "cluster"))
				if err := os.CopyFS(filepath.Join(root, "backup"), os.DirFS(filepath.Join(root, "cluster"))); err != nil {
					t.Fatal(err)
				}
				return filepath.Join(root, "backup")
			},
			want: "it is a copy of, or was moved from",
		},
	}
	port := busyPort(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			root, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			given := tc.prepare(t, root)
			before := tree(t, root)
			dir, err := state.Resolve(given)
			if err == nil {
				err = Up(t.Context(), Options{Dir: dir, APIPort: port, APIOnly: true, Out: &bytes.Buffer{}})
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nthe error of up is %v, want an error with %q", tc.reason, err, tc.want)
			}
			if diff := cmp.Diff(before, tree(t, root)); diff != "" {
				t.Errorf("%s\nfiles changed by up, -before +after:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestTwoUpsOnOneDirectory: the second up neither starts nor removes anything, by any name of the directory.
func TestTwoUpsOnOneDirectory(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("cluster", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	first := claimed(t, filepath.Join(root, "cluster"))
	unlock, err := first.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	before := tree(t, root)
	for _, name := range []string{"cluster", "link"} {
		dir, err := state.Resolve(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		err = Up(t.Context(), Options{Dir: dir, APIPort: 6443, APIOnly: true, Out: &bytes.Buffer{}})
		if !errors.Is(err, state.ErrBusy) {
			t.Errorf("the error of a second up in %q is %v", name, err)
		}
		if err := Down(dir, &bytes.Buffer{}); !errors.Is(err, state.ErrBusy) {
			t.Errorf("the error of a down of %q during an up is %v", name, err)
		}
	}
	if diff := cmp.Diff(before, tree(t, root)); diff != "" {
		t.Errorf("files changed by the second up, -before +after:\n%s", diff)
	}
}

// TestDownRemovesWhatTheClusterMade: down removes the cluster's files only. It once removed the whole directory.
func TestDownRemovesWhatTheClusterMade(t *testing.T) {
	cases := map[string]struct {
		reason  string
		prepare func(t *testing.T, dir string)
		left    []string
		says    string
	}{
		"Alone": {
			reason:  "A directory that up created is removed.",
			prepare: func(t *testing.T, dir string) { claimed(t, dir) },
			says:    "down after",
		},
		"ExistedBefore": {
			reason: "A directory that existed before up is kept.",
			prepare: func(t *testing.T, dir string) {
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				claimed(t, dir)
			},
			left: []string{"/cluster d---------"},
			says: "down after",
		},
		"FileAddedLater": {
			reason: "A user put a file beside those of the cluster.",
			prepare: func(t *testing.T, dir string) {
				claimed(t, dir)
				write(t, filepath.Join(dir, "thesis.txt"))
				write(t, filepath.Join(dir, "notes", "a", "b.txt"))
			},
			left: []string{
				"/cluster d---------", "/cluster/notes d---------", "/cluster/notes/a d---------",
				"/cluster/notes/a/b.txt = content of b.txt", "/cluster/thesis.txt = content of thesis.txt",
			},
			says: `has no record that it created "notes", "thesis.txt"`,
		},
		"LinkInside": {
			reason: "A link is removed, and its target is kept.",
			prepare: func(t *testing.T, dir string) {
				claimed(t, dir)
				write(t, filepath.Join(filepath.Dir(dir), "large", "db"))
				if err := errors.Join(os.RemoveAll(filepath.Join(dir, "etcd")), os.Symlink("../large", filepath.Join(dir, "etcd"))); err != nil {
					t.Fatal(err)
				}
			},
			left: []string{"/large d---------", "/large/db = content of db"},
			says: "down after",
		},
		"UpWasKilled": {
			reason: "An up that was killed before it wrote its state can be removed.",
			prepare: func(t *testing.T, dir string) {
				if err := state.Dir(dir).Claim(); err != nil {
					t.Fatal(err)
				}
				if err := state.Dir(dir).Make(); err != nil {
					t.Fatal(err)
				}
			},
			says: "down after",
		},
		"OfAnEarlierVersion": {
			reason: "A directory without a mark may have held files before. Only the state is removed, so " +
				"that it does not count as a cluster.",
			prepare: func(t *testing.T, dir string) {
				write(t, filepath.Join(dir, "config", "app.yaml"))
				if err := state.Dir(dir).SaveCluster(state.Cluster{APIOnly: true, APIPort: 6443, EtcdPort: 1}); err != nil {
					t.Fatal(err)
				}
			},
			left: []string{"/cluster d---------", "/cluster/config d---------", "/cluster/config/app.yaml = content of app.yaml"},
			says: "remove the directory yourself if nothing in it is yours",
		},
		"NotOurs": {
			reason: "A state file of another program is not a cluster.",
			prepare: func(t *testing.T, dir string) {
				write(t, filepath.Join(dir, "thesis.txt"))
				if err := os.WriteFile(filepath.Join(dir, "cluster.json"), []byte(`{"name":"prod"}`), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			left: []string{"/cluster d---------", `/cluster/cluster.json = {"name":"prod"}`, "/cluster/thesis.txt = content of thesis.txt"},
			says: "nothing is up",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			root, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(root, "cluster")
			tc.prepare(t, dir)
			var out bytes.Buffer
			if err := Down(state.Dir(dir), &out); err != nil {
				t.Fatalf("%s\n%v", tc.reason, err)
			}
			if !strings.Contains(out.String(), tc.says) {
				t.Errorf("%s\nthe output is %q, want %q in it", tc.reason, out.String(), tc.says)
			}
			left := slices.DeleteFunc(tree(t, root), func(line string) bool { return strings.HasPrefix(line, " ") })
			if diff := cmp.Diff(tc.left, left, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\nwhat is left, -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestDownRefusesACopy: the state in a copy names the processes of the original, which must keep running.
func TestDownRefusesACopy(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	claimed(t, filepath.Join(root, "cluster"))
	if err := os.CopyFS(filepath.Join(root, "backup"), os.DirFS(filepath.Join(root, "cluster"))); err != nil {
		t.Fatal(err)
	}
	before := tree(t, root)
	err = Down(state.Dir(filepath.Join(root, "backup")), &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "it is a copy of") {
		t.Errorf("the error of down of a copy is %v", err)
	}
	if diff := cmp.Diff(before, tree(t, root)); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
}
