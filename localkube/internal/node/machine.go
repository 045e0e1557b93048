package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/state"
)

const (
	// forwarding is the setting that lets the host forward packets between the node and other networks.
	forwarding = "/proc/sys/net/ipv4/ip_forward"
	// recordPath is the file that all clusters of this machine share. A restart of the machine removes it, and resets the
	// settings themselves.
	recordPath = "/run/localkube.json"
)

// kubeletSettings are settings of the whole machine that the kubelet changes when it starts. This cannot be prevented.
func kubeletSettings() []string {
	return []string{
		"/proc/sys/vm/overcommit_memory", "/proc/sys/vm/panic_on_oom", "/proc/sys/kernel/panic", "/proc/sys/kernel/panic_on_oops",
		"/proc/sys/kernel/keys/root_maxkeys", "/proc/sys/kernel/keys/root_maxbytes",
	}
}

// machine is the record that all nodes of this machine share: the state before the first node, and the clusters that run.
type machine struct {
	// Settings are the values before the first node, by path.
	Settings map[string]string `json:"settings"`
	// Folders are the folders that were created as mount points, the outermost first.
	Folders []string `json:"folders"`
	// Clusters are the identifiers of the running clusters.
	Clusters []string `json:"clusters"`
}

// ledger holds the path of the machine's record, and the settings that it records.
type ledger struct {
	path     string
	settings []string
}

func thisMachine() ledger {
	return ledger{path: recordPath, settings: append([]string{forwarding}, kubeletSettings()...)}
}

// Enter records the settings of the machine that a node changes, changes the forwarding setting, and creates the folders that
// the node mounts over. It is called on the host.
func Enter(c component.Cluster) error {
	var folders []string
	for path := range privateFolders(c) {
		folders = append(folders, path)
	}
	if err := thisMachine().enter(c.Dir.ID(), folders); err != nil {
		return err
	}
	if err := os.WriteFile(forwarding, []byte("1\n"), 0o644); err != nil {
		return fmt.Errorf("cannot turn on forwarding: %w", err)
	}
	return nil
}

// Leave reverts Enter when the last cluster leaves. It does nothing for a cluster that is not recorded.
func Leave(dir state.Dir) error {
	return thisMachine().leave(dir.ID())
}

func (l ledger) enter(id string, folders []string) error {
	return l.change(func(m *machine) error {
		if len(m.Clusters) == 0 {
			if err := m.readSettings(l.settings); err != nil {
				return err
			}
		}
		if !slices.Contains(m.Clusters, id) {
			m.Clusters = append(m.Clusters, id)
		}
		for _, path := range folders {
			made, err := makeAll(path)
			m.Folders = append(m.Folders, made...)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (l ledger) leave(id string) error {
	return l.change(func(m *machine) error {
		i := slices.Index(m.Clusters, id)
		if i < 0 {
			return nil
		}
		m.Clusters = slices.Delete(m.Clusters, i, i+1)
		if len(m.Clusters) > 0 {
			return nil
		}
		return m.restore()
	})
}

// restore reverts the recorded changes.
func (m *machine) restore() error {
	for path, value := range m.Settings {
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			return fmt.Errorf("cannot restore %q: %w", path, err)
		}
	}
	// The innermost folder comes first. A folder that is not empty is kept, because another program uses it.
	for _, folder := range slices.Backward(m.Folders) {
		err := unix.Rmdir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTEMPTY) {
			return fmt.Errorf("cannot remove %q: %w", folder, err)
		}
	}
	m.Settings, m.Folders = nil, nil
	return nil
}

func (m *machine) readSettings(paths []string) error {
	m.Settings = map[string]string{}
	for _, path := range paths {
		value, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // not every kernel has every setting
		}
		if err != nil {
			return fmt.Errorf("cannot read %q: %w", path, err)
		}
		m.Settings[path] = strings.TrimSpace(string(value))
	}
	return nil
}

// makeAll works as os.MkdirAll, and returns the folders that it created, the outermost first.
func makeAll(path string) ([]string, error) {
	var missing []string
	for p := path; ; p = filepath.Dir(p) {
		_, err := os.Stat(p)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot check directory %q: %w", p, err)
		}
		missing = append(missing, p)
	}
	slices.Reverse(missing)
	for i, p := range missing {
		if err := os.Mkdir(p, 0o755); err != nil {
			return missing[:i], fmt.Errorf("cannot create directory %q: %w", p, err)
		}
	}
	return missing, nil
}

// change changes the machine's record under a lock. The record exists only while a cluster exists.
func (l ledger) change(how func(*machine) error) error {
	unlock, err := state.WaitLock(l.path + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	var m machine
	content, err := os.ReadFile(l.path)
	if err == nil {
		err = json.Unmarshal(content, &m)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read %q: %w", l.path, err)
	}
	return errors.Join(how(&m), m.save(l.path))
}

func (m *machine) save(path string) error {
	if len(m.Clusters) == 0 && len(m.Settings) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove %q: %w", path, err)
		}
		return nil
	}
	content, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("cannot encode %q: %w", path, err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("cannot write %q: %w", path, err)
	}
	return nil
}
