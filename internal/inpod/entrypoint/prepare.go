package entrypoint

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sluice-ci/sluice/internal/inpod/credentials"
	"github.com/sluice-ci/sluice/internal/inpod/script"
	"github.com/sluice-ci/sluice/internal/inpod/securefile"
	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
)

// The exit codes of commands that could not run, as in shells.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
)

// defaultPath is the search path without PATH, as in the C library.
const defaultPath = "/bin:/usr/bin"

// maxInterpreterLine is the length in bytes of a script's first line that the kernel reads.
const maxInterpreterLine = 256

// maxPasswd is the maximum length in bytes to read of the file with home directories.
const maxPasswd = 1 << 20

// prepare prepares everything for the command, and returns the path of the program.
func (o Options) prepare(e *stepresult.Expander, stderr io.Writer) (string, error) {
	if err := o.prepareCredentials(stderr); err != nil {
		return "", cannotStart(exitNotExecutable, "%w", err)
	}
	if o.WorkDir != "" {
		if err := enter(o.WorkDir); err != nil {
			return "", cannotStart(exitNotExecutable, "%w", err)
		}
	}
	if o.ScriptPath != "" {
		if err := o.writeScript(e); err != nil {
			return "", cannotStart(exitNotExecutable, "cannot write script %q: %w", o.ScriptPath, err)
		}
	}
	return find(o.Command[0])
}

// enter changes to the working directory dir. The path of an existing directory may contain links, as in a container runtime.
// A missing one is created without following links, because another step can have made them.
func enter(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		if err := securefile.MakeDirs(dir, 0o777); err != nil {
			return fmt.Errorf("cannot create working directory %q: %w", dir, err)
		}
	}
	if err := os.Chdir(dir); err != nil {
		return fmt.Errorf("cannot enter working directory %q: %w", dir, err)
	}
	return nil
}

// prepareCredentials creates the files with the service account's credentials.
func (o Options) prepareCredentials(stderr io.Writer) error {
	if len(o.Credentials) == 0 {
		return nil
	}
	place := credentials.Place{Secrets: o.SecretsDir, Dir: o.CredentialsDir, Homes: []string{os.Getenv("HOME")}}
	if o.Passwd != "" {
		if passwd, err := securefile.ReadHead(o.Passwd, maxPasswd); err == nil {
			place.Homes = append(place.Homes, credentials.HomeOf(bytes.NewReader(passwd), os.Getuid()))
		}
	}
	return credentials.Prepare(o.Credentials, place, stderr)
}

// makeOwnResults creates the directories of the step's own results and artifacts, readable for other users whatever the umask is.
// They exist even if the command does not run, so that a missing result differs from one that cannot be read.
func (o Options) makeOwnResults() error {
	for _, dir := range []string{o.OwnResults, o.OwnArtifacts} {
		if dir == "" {
			continue
		}
		if err := securefile.MakeDirs(dir, 0o755); err != nil {
			return cannotStart(exitNotExecutable, "cannot create directory of results %q: %w", dir, err)
		}
		securefile.Allow(dir, 0o755)
	}
	return nil
}

// writeScript writes the script to a new file, and never through a link or into an existing file. It does not hold the script
// in memory, unless it has tokens.
func (o Options) writeScript(e *stepresult.Expander) (err error) {
	// The mode does not depend on the umask: the step's user must be able to run it.
	f, err := securefile.Fresh(o.ScriptPath, 0o755)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriterSize(f, 64<<10)
	if len(o.References) == 0 {
		err = script.Decode(out, o.Script)
	} else {
		err = expandScript(out, o.Script, e)
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

func expandScript(out io.Writer, pieces []string, e *stepresult.Expander) error {
	var text strings.Builder
	if err := script.Decode(&text, pieces); err != nil {
		return err
	}
	expanded, err := e.Text(text.String())
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, expanded)
	return err
}

// find returns the path of the program: name itself if it has a slash, else the first one in PATH.
func find(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	dirs := os.Getenv("PATH")
	if dirs == "" {
		dirs = defaultPath
	}
	notExecutable := ""
	for _, dir := range filepath.SplitList(dirs) {
		if dir == "" {
			dir = "." // an empty entry means the working directory
		}
		path := dir + "/" + name
		info, err := os.Stat(path)
		switch {
		case err != nil || info.IsDir():
		case info.Mode()&0o111 != 0:
			return path, nil
		case notExecutable == "":
			notExecutable = path
		}
	}
	if notExecutable != "" {
		return "", cannotStart(exitNotExecutable, "cannot run %q: %q is not executable", name, notExecutable)
	}
	return "", cannotStart(exitNotFound, "cannot find command %q in PATH %q", name, dirs)
}

// explain explains the kernel's error for starting a program.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENOTDIR):
		if _, statErr := os.Stat(path); statErr != nil {
			return cannotStart(exitNotFound, "cannot find command %q: %w", path, err)
		}
		if i := interpreter(path); i != "" {
			return cannotStart(exitNotFound, "cannot run %q: its interpreter %q is not in the image: %w", path, i, err)
		}
		return cannotStart(exitNotFound, "cannot run %q: the dynamic linker that it needs is not in the image: %w", path, err)
	case errors.Is(err, syscall.ENOEXEC):
		return cannotStart(exitNotExecutable,
			"cannot run %q: it is neither a program for this machine nor a script that begins with #!: %w", path, err)
	case errors.Is(err, syscall.E2BIG):
		return cannotStart(exitNotExecutable, "cannot run %q: its arguments and environment are too large: %w", path, err)
	}
	return cannotStart(exitNotExecutable, "cannot run %q: %w", path, err)
}

// interpreter returns the interpreter in a script's first line, or "".
func interpreter(path string) string {
	head, _ := securefile.ReadHead(path, maxInterpreterLine) // a file that cannot be read has no first line
	line, _, _ := strings.Cut(string(head), "\n")
	rest, ok := strings.CutPrefix(line, "#!")
	if !ok {
		return ""
	}
	rest = strings.Trim(rest, " \t")
	if end := strings.IndexAny(rest, " \t"); end >= 0 {
		rest = rest[:end]
	}
	return rest
}
