package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/state"
)

const (
	cgroupRoot = "/sys/fs/cgroup"
	// removeTimeout bounds how long control groups stay busy after the last process in them has ended.
	removeTimeout = 5 * time.Second
)

// cgroupName is the control group above all pods of the cluster.
func cgroupName(dir state.Dir) string { return component.Cluster{Dir: dir}.CgroupParent() }

// unified reports whether the machine has control groups of version 2 only.
func unified() (bool, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(cgroupRoot, &s); err != nil {
		return false, fmt.Errorf("cannot find control groups in %s: %w", cgroupRoot, err)
	}
	return s.Type == unix.CGROUP2_SUPER_MAGIC, nil
}

// MakeCgroups creates the control group of a node in every hierarchy. The kubelet requires it. The group above it exists.
func MakeCgroups(c component.Cluster) error {
	v2, err := unified()
	if err != nil {
		return err
	}
	if v2 {
		return makeUnified(filepath.Join(cgroupRoot, c.CgroupParent()))
	}
	hierarchies, err := filepath.Glob(cgroupRoot + "/*")
	if err != nil {
		return fmt.Errorf("cannot list control groups: %w", err)
	}
	for _, hierarchy := range hierarchies {
		// Some controllers have a second name, which is a symbolic link.
		if info, err := os.Lstat(hierarchy); err != nil || !info.IsDir() {
			continue
		}
		group := filepath.Join(hierarchy, c.CgroupParent())
		if err := os.MkdirAll(group, 0o755); err != nil {
			return fmt.Errorf("cannot create control group %q: %w", group, err)
		}
		// A new group of this controller has no processors and no memory until they are assigned.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if err := inherit(filepath.Dir(group), group, file); err != nil {
				return err
			}
		}
	}
	return nil
}

// inherit copies the setting of a group's parent, if the controller has such a setting.
func inherit(parent, group, file string) error {
	value, err := os.ReadFile(filepath.Join(parent, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read the setting of a control group: %w", err)
	}
	if err := os.WriteFile(filepath.Join(group, file), value, 0o644); err != nil {
		return fmt.Errorf("cannot change the setting of a control group: %w", err)
	}
	return nil
}

// makeUnified creates a group of version 2 and enables every controller in it and in the group above it. A group has only the
// controllers that its parent enables.
func makeUnified(group string) error {
	if err := os.MkdirAll(group, 0o755); err != nil {
		return fmt.Errorf("cannot create control group %q: %w", group, err)
	}
	for _, parent := range []string{filepath.Dir(group), group} {
		controllers, err := os.ReadFile(filepath.Join(parent, "cgroup.controllers"))
		if err != nil {
			return fmt.Errorf("cannot read the controllers of %q: %w", parent, err)
		}
		var on []string
		for controller := range strings.FieldsSeq(string(controllers)) {
			on = append(on, "+"+controller)
		}
		if err := os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte(strings.Join(on, " ")), 0o644); err != nil {
			return fmt.Errorf("cannot turn on the controllers of %q: %w", parent, err)
		}
	}
	return nil
}

// RemoveCgroups removes the control groups of all nodes of the cluster, from the leaves up. They must not contain processes.
func RemoveCgroups(dir state.Dir) error { return removeGroups(cgroupName(dir)) }

// RemoveNodeCgroups removes the control groups that the earlier start of a node left, if any. The groups of node 1 contain those
// of all others.
func RemoveNodeCgroups(c component.Cluster) error { return removeGroups(c.CgroupParent()) }

func removeGroups(name string) error {
	groups, err := filepath.Glob(filepath.Join(cgroupRoot, "*", name))
	if err != nil {
		return fmt.Errorf("cannot list control groups: %w", err)
	}
	groups = append(groups, filepath.Join(cgroupRoot, name))
	for _, group := range groups {
		if err := removeBusyTree(group); err != nil {
			return fmt.Errorf("cannot remove control group %q: %w", group, err)
		}
	}
	return nil
}

// removeBusyTree retries until the group is free. The kernel releases a group shortly after the last process in it was
// reaped.
func removeBusyTree(group string) error {
	deadline := time.NewTimer(removeTimeout)
	defer deadline.Stop()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := removeTree(group)
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		select {
		case <-deadline.C:
			return err
		case <-ticker.C:
		}
	}
}

// removeTree removes a control group and all groups in it. Their files are removed with them.
func removeTree(group string) error {
	entries, err := os.ReadDir(group)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeTree(filepath.Join(group, entry.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(group); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
