// Package gittest serves real git repositories to tests: over HTTP with the program git-http-backend, and over SSH with sshd.
package gittest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Repository is a bare repository in a folder that servers of this package can serve.
type Repository struct {
	// Path is the folder of the repository, without files of a commit.
	Path string

	t    *testing.T
	tree string
}

// New returns an empty repository NAME in a root folder.
func New(t *testing.T, root, name string) *Repository {
	t.Helper()
	r := &Repository{Path: filepath.Join(root, name), t: t, tree: t.TempDir()}
	r.run(root, "init", "--quiet", "--bare", "--initial-branch=main", r.Path)
	r.run(root, "clone", "--quiet", r.Path, r.tree)
	return r
}

// run runs git in a folder, and returns its output.
func (r *Repository) run(folder string, arguments ...string) string {
	r.t.Helper()
	command := exec.CommandContext(r.t.Context(), "git", arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_CONFIG_COUNT=1",
		"GIT_CONFIG_KEY_0=protocol.file.allow", "GIT_CONFIG_VALUE_0=always",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	output, err := command.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	return strings.TrimSpace(string(output))
}

// Git runs git in the work tree, and returns its output.
func (r *Repository) Git(arguments ...string) string {
	r.t.Helper()
	return r.run(r.tree, arguments...)
}

// Configure sets a setting of the repository that is served.
func (r *Repository) Configure(key, value string) {
	r.t.Helper()
	r.run(r.Path, "config", key, value)
}

// Write writes a file of the work tree.
func (r *Repository) Write(path, content string) {
	r.t.Helper()
	full := filepath.Join(r.tree, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// Link makes a symbolic link in the work tree.
func (r *Repository) Link(path, target string) {
	r.t.Helper()
	full := filepath.Join(r.tree, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(target, full); err != nil {
		r.t.Fatal(err)
	}
}

// Commit commits the work tree, pushes the branch and all tags, and returns the commit.
func (r *Repository) Commit() string {
	r.t.Helper()
	r.Git("add", "--all")
	r.Git("commit", "--quiet", "--allow-empty", "--message=change")
	r.Push()
	return r.Git("rev-parse", "HEAD")
}

// Push pushes all branches and tags.
func (r *Repository) Push() {
	r.t.Helper()
	r.Git("push", "--quiet", "--force", "--all", "origin")
	r.Git("push", "--quiet", "--force", "--tags", "origin")
}
