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

// The exit codes of commands that do not run, as shells have them.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
)

// defaultPath is where commands are looked for without PATH, as the C library does.
const defaultPath = "/bin:/usr/bin"

// maxInterpreterLine is how much of a script's first line the kernel looks at, in bytes.
const maxInterpreterLine = 256

// maxPasswd is how much of the file that names home directories is read, in bytes.
const maxPasswd = 1 << 20

// prepare makes all that the command needs, and returns the path of the program.
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

// enter makes dir the working directory. One that is there may be reached over links, as for a container runtime; one
// that is missing is made without following a link that another step can have left.
func enter(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		if err := securefile.MakeDirs(dir, 0o777); err != nil {
			return fmt.Errorf("cannot make working directory %q: %w", dir, err)
		}
	}
	if err := os.Chdir(dir); err != nil {
		return fmt.Errorf("cannot enter working directory %q: %w", dir, err)
	}
	return nil
}

// prepareCredentials puts the service account's credentials where programs look for them.
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

// makeOwnResults makes the directory of the step's own results, which others can look into whatever the umask is. It is
// there also when the command is not run: a result that is not there can then be told from one that cannot be seen.
func (o Options) makeOwnResults() error {
	if o.OwnResults == "" {
		return nil
	}
	if err := securefile.MakeDirs(o.OwnResults, 0o755); err != nil {
		return cannotStart(exitNotExecutable, "cannot make directory of results %q: %w", o.OwnResults, err)
	}
	securefile.Allow(o.OwnResults, 0o755)
	return nil
}

// writeScript writes a fresh file, never through a link and never into a file that was there. The script is not held in
// memory, unless there are tokens to look for.
func (o Options) writeScript(e *stepresult.Expander) (err error) {
	// Whatever the umask is: the step's user must be able to run it.
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

// find returns the path of the program that name means: itself if it has a slash, else the first in PATH.
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

// explain says what the kernel's refusal to start a program means.
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

// interpreter returns what a script's first line says that runs it, or nothing.
func interpreter(path string) string {
	head, _ := securefile.ReadHead(path, maxInterpreterLine) // what could not be read has no first line
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
