package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// manifest is a pushed manifest, as it is stored on disk.
type manifest struct {
	// Sequence is the order in which manifests were pushed.
	Sequence   int    `json:"sequence"`
	Repository string `json:"repository"`
	// Reference is a tag or a digest.
	Reference string `json:"reference"`
	MediaType string `json:"mediaType"`
	Content   []byte `json:"content"`
}

// manifests stores each manifest in a separate file.
type manifests struct {
	dir string

	mu   sync.Mutex
	next int
	all  []manifest // as read from disk when it was opened, in order
}

func openManifests(dir string) (*manifests, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot create directory %q: %w", dir, err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("cannot list manifests: %w", err)
	}
	m := &manifests{dir: dir}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("cannot read manifest %q: %w", path, err)
		}
		var one manifest
		if err := json.Unmarshal(content, &one); err != nil {
			return nil, fmt.Errorf("cannot parse manifest %q: %w", path, err)
		}
		m.all = append(m.all, one)
		m.next = max(m.next, one.Sequence+1)
	}
	slices.SortFunc(m.all, func(a, b manifest) int { return a.Sequence - b.Sequence })
	return m, nil
}

// each calls use for every manifest read from disk, in the order in which they were pushed.
func (m *manifests) each(use func(manifest) error) error {
	for _, one := range m.all {
		if err := use(one); err != nil {
			return err
		}
	}
	m.all = nil
	return nil
}

// put stores the manifest and replaces an earlier one of the same name.
func (m *manifests) put(one manifest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	one.Sequence = m.next
	m.next++
	content, err := json.Marshal(one)
	if err != nil {
		return fmt.Errorf("cannot encode manifest: %w", err)
	}
	path := m.path(one.Repository, one.Reference)
	if err := os.WriteFile(path+".new", content, 0o644); err != nil {
		return fmt.Errorf("cannot write manifest: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("cannot replace manifest: %w", err)
	}
	return nil
}

func (m *manifests) remove(repository, reference string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return os.Remove(m.path(repository, reference))
}

// path returns a file name that does not contain the names, because they contain characters that file names cannot.
func (m *manifests) path(repository, reference string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{repository, reference}, "\x00")))
	return filepath.Join(m.dir, hex.EncodeToString(sum[:])+".json")
}
