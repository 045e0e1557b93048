package checkout

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

const task = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: build}\n"

// files writes files below a new folder, and returns the folder.
func files(t *testing.T, texts map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range texts {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func reference(address, path string) *v1.ResolverRef {
	return &v1.ResolverRef{Resolver: "git", Params: []v1.Param{
		{Name: "url", Value: v1.StringValue(address)}, {Name: "pathInRepo", Value: v1.StringValue(path)},
	}}
}

func TestRead(t *testing.T) {
	const origin = "[remote \"origin\"]\n\turl = git@git.example.com:team/tasks.git\n"
	outside := files(t, map[string]string{"secret.yaml": task})
	folder := files(t, map[string]string{
		".git/config": origin, "tasks/build.yaml": task, "tasks/notes.yaml": "no definition", "runs/run.yaml": "",
	})
	if err := os.Symlink(filepath.Join(outside, "secret.yaml"), filepath.Join(folder, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	c, err := Find(filepath.Join(folder, "runs", "run.yaml"))
	if err != nil || c == nil || c.Folder != folder {
		t.Fatalf("want the checkout %q, got %+v, %v", folder, c, err)
	}
	for name, tc := range map[string]struct {
		reason string
		ref    *v1.ResolverRef
		here   bool
		says   string
	}{
		"SSH": {
			reason: "The address of the remote.",
			ref:    reference("git@git.example.com:team/tasks.git", "tasks/build.yaml"),
			here:   true,
		},
		"HTTPS": {
			reason: "The same repository over HTTPS.",
			ref:    reference("https://GIT.example.com/team/tasks", "/tasks/build.yaml"),
			here:   true,
		},
		"SSHAddress": {
			reason: "The long form of an address of SSH.",
			ref:    reference("ssh://git@git.example.com:22/team/tasks.git/", "tasks/build.yaml"),
			here:   true,
		},
		"OtherRepository": {
			reason: "Another repository is not here.",
			ref:    reference("https://git.example.com/team/other.git", "tasks/build.yaml"),
		},
		"OtherHost": {
			reason: "Nor one of another host.",
			ref:    reference("https://example.com/team/tasks.git", "tasks/build.yaml"),
		},
		"OtherResolver": {
			reason: "Nor what is no repository.",
			ref:    &v1.ResolverRef{Resolver: "hub"},
		},
		"Variable": {
			reason: "The path is known only in a run.",
			ref:    reference("https://git.example.com/team/tasks.git", "tasks/$(params.task).yaml"),
		},
		"Missing": {
			reason: "The message names the file and the checkout.",
			ref:    reference("https://git.example.com/team/tasks.git", "tasks/none.yaml"),
			here:   true,
			says:   `cannot read "tasks/none.yaml" of the checkout in`,
		},
		"NoDefinition": {
			reason: "The cluster would refuse it, too.",
			ref:    reference("https://git.example.com/team/tasks.git", "tasks/notes.yaml"),
			here:   true,
			says:   "it is not an object with apiVersion and kind",
		},
		"LinkOut": {
			reason: "A link must not read other files of the user.",
			ref:    reference("https://git.example.com/team/tasks.git", "link.yaml"),
			here:   true,
			says:   "escapes",
		},
		"PathOut": {
			reason: "Nor a path.",
			ref:    reference("https://git.example.com/team/tasks.git", "../../secret.yaml"),
			here:   true,
			says:   "cannot read",
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, here, err := c.Read(tc.ref)
			switch {
			case here != tc.here:
				t.Errorf("%s\nwant %t, got %t, %v", tc.reason, tc.here, here, err)
			case tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)):
				t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.says, err)
			case tc.says == "" && (err != nil || here && string(text) != task):
				t.Errorf("%s\ngot %q, %v", tc.reason, text, err)
			}
		})
	}
}

// TestWorktree: in a worktree, .git is a file, and the remotes are in the repository.
func TestWorktree(t *testing.T) {
	repository := files(t, map[string]string{
		".git/config": "[remote \"up\"]\n\turl = https://git.example.com/a/b\n", ".git/worktrees/w/commondir": "../..\n",
	})
	worktree := files(t, map[string]string{".git": "gitdir: " + repository + "/.git/worktrees/w\n", "x.yaml": task})
	c, err := Find(worktree)
	if err != nil {
		t.Fatal(err)
	}
	if _, here, err := c.Read(reference("https://git.example.com/a/b.git", "x.yaml")); !here || err != nil {
		t.Errorf("want the file, got %t, %v", here, err)
	}
}

func TestNoCheckout(t *testing.T) {
	c, err := Find(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, here, err := c.Read(reference("https://git.example.com/a/b.git", "x.yaml")); here || err != nil {
		t.Errorf("want nothing without a checkout, got %t, %v", here, err)
	}
}
