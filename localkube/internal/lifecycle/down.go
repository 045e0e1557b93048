package lifecycle

import (
	"fmt"
	"io"
	"time"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// stopTimeout bounds the time in which the kernel ends the processes of a cluster.
const stopTimeout = 20 * time.Second

// Down ends the cluster in dir, in any state, and removes what the cluster wrote. It keeps other files in dir, and prints
// their names.
func Down(dir state.Dir, out io.Writer) error {
	unlock, err := dir.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	began := time.Now()
	c, exists, err := dir.LoadCluster()
	if err != nil {
		return err
	}
	claimed, err := dir.Claimed()
	if err != nil {
		return err
	}
	if !exists && !claimed {
		fmt.Fprintf(out, "nothing is up in %s\n", dir)
		return nil
	}
	if exists {
		if err := stop(dir, c); err != nil {
			return err
		}
	}
	if err := remove(dir, out); err != nil {
		return err
	}
	fmt.Fprintf(out, "down after %s\n", seconds(time.Since(began)))
	return nil
}

// remove removes what the cluster wrote, and prints what it kept.
func remove(dir state.Dir, out io.Writer) error {
	kept, err := dir.Remove()
	if note := dir.Kept(kept); note != "" {
		fmt.Fprintln(out, note)
	}
	return err
}

// stop ends all processes of the cluster and removes what they left outside its directory. It kills the supervisor, and the
// kernel then ends every process that the supervisor owns. This is the same as a crash, and cannot hang as a shutdown can.
func stop(dir state.Dir, c state.Cluster) error {
	components, err := dir.LoadComponents()
	if err != nil {
		return err
	}
	processes := []state.Process{c.Supervisor}
	if c.APIOnly {
		// Without a PID namespace, the recorded numbers are those of the host. The components end shortly after the
		// supervisor.
		for _, one := range components {
			processes = append(processes, one.Process)
		}
	}
	for _, p := range processes {
		if err := p.End(stopTimeout); err != nil {
			return err
		}
	}
	if c.APIOnly {
		return nil
	}
	return removeNode(dir)
}
