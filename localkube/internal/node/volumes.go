package node

import (
	"fmt"
	"os"

	"github.com/fsnotify/fsnotify"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// OpenVolumes lets every user write to the volumes of the default storage class, from now on: the controller manager makes them for root
// only, and a kubelet does not change the owner of such a volume, so that a pod that does not run as root could not use it.
func OpenVolumes(dir state.Dir) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("cannot watch for volumes: %w", err)
	}
	if err := watcher.Add(dir.Volumes()); err != nil {
		return fmt.Errorf("cannot watch for volumes: %w", err)
	}
	go func() {
		for event := range watcher.Events {
			if !event.Has(fsnotify.Create) {
				continue
			}
			if err := os.Chmod(event.Name, 0o777); err != nil {
				fmt.Println("cannot open a volume:", err)
			}
		}
	}()
	return nil
}
