//go:build e2e

package tutorials

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	// patience bounds the time of one page, which takes one minute on two cores, and three with a build of images.
	patience = 10 * time.Minute
	// prompt ends the output of a command.
	prompt = "--- end of the command ---"
	// The pages were written on a machine with these folders.
	pageRoot, pageState = "/work/sluice", "/root/.local/state"
	// prelude is the section of the first page that others begin with: it starts the cluster.
	preludePage, prelude = "first-run.md", "2. Run an example"
)

// session is a shell in which the commands of a page run one after another, as in the terminal of a user.
type session struct {
	in    io.Writer
	out   *bufio.Reader
	names bindings
	// folders replaces the folders of the page by those of this run.
	folders *strings.Replacer
	dir     string
}

// open starts a session with its own state, so that it does not use another cluster. When the test ends, it takes down the cluster.
func open(ctx context.Context, t *testing.T) *session {
	t.Helper()
	project, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	dir, state := t.TempDir(), t.TempDir()
	if err := os.Symlink(filepath.Join(project, "examples"), filepath.Join(dir, "examples")); err != nil {
		t.Fatal(err)
	}
	environment := append(os.Environ(), "NO_COLOR=1", "XDG_STATE_HOME="+state, "KUBECONFIG="+filepath.Join(state, "none"),
		"PATH="+filepath.Join(project, "bin")+":"+os.Getenv("PATH"))
	t.Cleanup(func() {
		down := exec.CommandContext(context.Background(), filepath.Join(project, "bin", "localkube"), "down")
		down.Env = environment
		if out, err := down.CombinedOutput(); err != nil {
			t.Errorf("cannot take the cluster down: %v\n%s", err, out)
		}
	})
	shell := exec.CommandContext(ctx, "bash", "--norc")
	shell.Dir, shell.Env, shell.WaitDelay = dir, environment, time.Second
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, both, err := os.Pipe() // one pipe for both streams, so that the order of lines stays
	if err != nil {
		t.Fatal(err)
	}
	shell.Stdout, shell.Stderr = both, both
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		err := shell.Wait() // the exit status is that of the last command, which the page shows
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("the page took more than %s: %v", patience, err)
		}
	})
	if err := both.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "trap 'kill $(jobs -p) 2>/dev/null' EXIT\n"); err != nil { // what a page has started
		t.Fatal(err)
	}
	return &session{
		in: in, out: bufio.NewReader(out), names: bindings{}, dir: dir,
		folders: strings.NewReplacer(pageRoot, project, pageState, state),
	}
}

// run executes a command and returns its output. `echo $?` in the next command prints its exit status.
func (s *session) run(command string) ([]string, error) {
	_, err := fmt.Fprintf(s.in, "{ %s\n} </dev/null; _status=$?; printf '\\n%%s\\n' '%s'; (exit $_status)\n", command, prompt)
	if err != nil {
		return nil, fmt.Errorf("cannot write to the shell: %w", err)
	}
	var lines []string
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			return lines, fmt.Errorf("the shell has ended: %w", err)
		}
		if line = strings.TrimSuffix(line, "\n"); line == prompt {
			return lines, nil
		}
		lines = append(lines, line)
	}
}

// do executes a step of a page, and returns an error if its output is not as in the page.
func (s *session) do(next step) error {
	if next.file != "" {
		path, text := filepath.Join(s.dir, next.file), strings.Join(next.output, "\n")+"\n"
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("cannot create the folder of the page's file: %w", err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("cannot write the file of the page: %w", err)
		}
		return nil
	}
	if next.hidden {
		return s.prepare(next.command)
	}
	got, err := s.run(s.names.apply(s.folders.Replace(next.command)))
	if err != nil {
		return err
	}
	want := make([]string, len(next.output))
	for i, line := range next.output {
		want[i] = s.folders.Replace(line)
	}
	if err := s.names.compare(want, got); err != nil {
		return fmt.Errorf("%w; all of the output:\n%s", err, strings.Join(got, "\n"))
	}
	return nil
}

// prepare runs a command that readers do not see, and returns an error with its output if it fails.
func (s *session) prepare(command string) error {
	got, err := s.run(s.folders.Replace(command) + "\necho $?")
	if err != nil {
		return err
	}
	if got = normalize(got); len(got) == 0 || got[len(got)-1] != "0" {
		return fmt.Errorf("the command has failed; its output and status:\n%s", strings.Join(got, "\n"))
	}
	return nil
}

// follow does the steps of a page. With a section it does only that one.
func (s *session) follow(t *testing.T, name, section string) {
	t.Helper()
	page, err := os.ReadFile(folder + name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := steps(string(page))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, next := range all {
		if section != "" && next.section != section {
			continue
		}
		if err := s.do(next); err != nil {
			t.Fatalf("%s:%d: %s\n%v", name, next.line, next.command, err)
		}
	}
}

// TestTutorials: a reader who types the commands of a tutorial sees what the page shows.
func TestTutorials(t *testing.T) {
	for _, name := range tutorials() {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			s := open(ctx, t)
			if slices.Contains([]string{"large-results.md", "git.md"}, name) {
				s.follow(t, preludePage, prelude)
			}
			s.follow(t, name, "")
		})
	}
}
