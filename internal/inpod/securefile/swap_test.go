package securefile

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// TestSwappedWhileOpened: another step replaces the file by a link between the check of a path and its opening. The check
// alone would let the write through the link, so the open must not follow links either.
func TestSwappedWhileOpened(t *testing.T) {
	const tries = 4000
	cases := map[string]struct {
		open func(path string) (*os.File, error)
	}{
		"Append":    {open: func(p string) (*os.File, error) { return Append(p, 0o666) }},
		"Overwrite": {open: func(p string) (*os.File, error) { return Overwrite(p, 0o644) }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir, outside := shared(t)
			path := filepath.Join(dir, "r")
			must(t, os.WriteFile(path, nil, 0o666))
			stop := swap(path, outside)
			opened, refused := 0, 0
			for opened == 0 || refused == 0 || opened+refused < tries {
				f, err := tc.open(path)
				if err != nil {
					refused++ // it was the link
					continue
				}
				opened++
				_, err = f.WriteString("theirs")
				must(t, err, f.Close())
			}
			must(t, stop())
			untouched(t, outside)
		})
	}
}

// swap replaces path by a link to outside and by a new file in turn, until stop is called.
func swap(path, outside string) (stop func() error) {
	var ended atomic.Bool
	done := make(chan error)
	go func() {
		next := path + ".next"
		for !ended.Load() {
			if err := os.Symlink(outside, next); err != nil {
				done <- err
				return
			}
			if err := os.Rename(next, path); err != nil {
				done <- err
				return
			}
			if err := os.WriteFile(next, nil, 0o666); err != nil {
				done <- err
				return
			}
			if err := os.Rename(next, path); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	return func() error {
		ended.Store(true)
		return <-done
	}
}
