package apt

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Open streams the files of a package as a tar archive. Close reports errors of reading.
func (a *Apt) Open(ctx context.Context, p Package) (io.ReadCloser, error) {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", p.path)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("cannot read package %q: %w", p.path, err)
	}
	var problems bytes.Buffer
	cmd.Stderr = &problems
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot read package %q: %w", p.path, err)
	}
	return &files{Reader: pipe, wait: func() error {
		// dpkg-deb must be able to write the padding at the end of the archive.
		if _, err := io.Copy(io.Discard, pipe); err != nil {
			return fmt.Errorf("cannot read package %q: %w", p.path, err)
		}
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("cannot read package %q: %w: %s", p.path, err, strings.TrimSpace(problems.String()))
		}
		return nil
	}}, nil
}

type files struct {
	io.Reader
	wait func() error
}

// Close implements io.Closer.
func (f *files) Close() error { return f.wait() }
