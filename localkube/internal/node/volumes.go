package node

import (
	"fmt"
	"os"

	"github.com/fsnotify/fsnotify"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// OpenVolumes makes the volumes of the default storage class writable for every user, until the process ends. The controller
// manager creates them for root only, and a kubelet does not change the owner of such a volume. A pod that does not run as
// root could not use it.
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
				fmt.Println("cannot make a volume writable:", err)
			}
		}
	}()
	return nil
}
