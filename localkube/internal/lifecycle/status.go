package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sluice-ci/sluice/localkube/internal/bootstrap"
	"github.com/sluice-ci/sluice/localkube/internal/state"
	"github.com/sluice-ci/sluice/localkube/internal/supervisor"
)

// statusTimeout bounds the time for the status of a cluster.
const statusTimeout = 5 * time.Second

// Status is the status of a cluster.
type Status struct {
	Dir        string      `json:"dir"`
	API        string      `json:"api"`
	Registry   string      `json:"registry,omitempty"`
	Kubeconfig string      `json:"kubeconfig"`
	Components []Component `json:"components"`
	// Node is about all nodes, and empty without a node.
	Node string `json:"node,omitempty"`
	// Versions are those of Kubernetes and, with a node, of its container runtime.
	Versions []string `json:"versions"`
	// Problems is empty if the cluster is healthy.
	Problems []string `json:"problems"`
}

// Component is the status of one of a cluster's processes.
type Component struct {
	// Name of the component. On a node other than the first, it follows the name of the node and a slash.
	Name string `json:"name"`
	// PID is the process's number on this machine, or 0 if it does not run.
	PID   int       `json:"pid"`
	Since time.Time `json:"since,omitzero"`
	State string    `json:"state"`
}

// Problem returns an error that lists all problems, or nil if there are none.
func (s *Status) Problem() error {
	var all []error
	for _, p := range s.Problems {
		all = append(all, errors.New(p))
	}
	return errors.Join(all...)
}

// WriteJSON writes the status as JSON, for programs.
func (s *Status) WriteJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(s)
}

// WriteText writes the status as text, for people.
func (s *Status) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "COMPONENT\tPID\tSINCE\tSTATE")
	for _, c := range s.Components {
		since := "-"
		if !c.Since.IsZero() {
			since = c.Since.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", c.Name, c.PID, since, c.State)
	}
	fmt.Fprintln(w)
	for _, line := range [][2]string{{"API server", s.API}, {"registry", s.Registry}, {"node", s.Node}, {"kubeconfig", s.Kubeconfig}} {
		if line[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
		}
	}
	for _, version := range s.Versions {
		fmt.Fprintf(w, "version\t%s\n", version)
	}
	return w.Flush()
}

// Look determines the status of the cluster.
func Look(ctx context.Context, dir state.Dir, c state.Cluster) Status {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	s := Status{Dir: string(dir), API: specs(dir, c).APIURL(), Kubeconfig: dir.Kubeconfig()}
	if !c.APIOnly {
		s.Registry = fmt.Sprintf("127.0.0.1:%d", c.RegistryPort)
	}
	if !s.lookAtProcesses(dir, c) {
		return s
	}
	if err := specs(dir, c).APIServerSpec().Healthy(ctx); err != nil {
		s.Problems = append(s.Problems, err.Error())
		return s
	}
	s.lookAtAPI(ctx, dir, c)
	return s
}

// lookAtProcesses reports whether the supervisor runs. Without it no component runs.
func (s *Status) lookAtProcesses(dir state.Dir, c state.Cluster) (alive bool) {
	alive = c.Supervisor.Alive()
	own := Component{Name: supervisor.Name, PID: c.Supervisor.PID, State: "running"}
	if !alive {
		own.PID, own.State = 0, "does not run"
		s.Problems = append(s.Problems, "the supervisor does not run")
	}
	s.Components = append(s.Components, own)
	pids := s.lookAtComponents(dir, c.Supervisor, alive, "")
	for _, n := range specs(dir, c).Workers() {
		// Without a process, the state of the node itself says why, and its components do not run either.
		if pid := pids[n.Name]; pid != 0 {
			s.lookAtComponents(dir.Node(n.Name), state.Process{PID: pid}, alive, n.Name+"/")
		}
	}
	return alive
}

// lookAtComponents adds the components whose supervisor is owner and records them in dir. It returns the process numbers of those
// that run, by name.
func (s *Status) lookAtComponents(dir state.Dir, owner state.Process, alive bool, prefix string) map[string]int {
	components, err := dir.LoadComponents()
	if err != nil {
		s.Problems = append(s.Problems, err.Error())
		return nil
	}
	pids := map[int]int{}
	if alive {
		if pids, err = state.HostPIDs(owner); err != nil {
			s.Problems = append(s.Problems, err.Error())
		}
	}
	running := map[string]int{}
	for _, one := range components {
		component := Component{Name: prefix + one.Name, PID: pids[one.Process.PID], Since: one.Since, State: "running"}
		switch {
		case one.Ended != "":
			component.PID, component.State = 0, one.Ended
			s.Problems = append(s.Problems, fmt.Sprintf("%s %s, its log is %s", component.Name, one.Ended, dir.Log(one.Name)))
		case component.PID == 0:
			component.State = "does not run"
			if alive {
				s.Problems = append(s.Problems, component.Name+" does not run")
			}
		case state.Paused(component.PID):
			component.State = "is paused"
			s.Problems = append(s.Problems, component.Name+" is paused")
		case one.Partitioned:
			component.State = "is partitioned"
			s.Problems = append(s.Problems, component.Name+" is partitioned")
		}
		running[one.Name] = component.PID
		s.Components = append(s.Components, component)
	}
	return running
}

func (s *Status) lookAtAPI(ctx context.Context, dir state.Dir, c state.Cluster) {
	version, err := bootstrap.ServerVersion(ctx, dir.Kubeconfig())
	if err != nil {
		s.Problems = append(s.Problems, err.Error())
		return
	}
	s.Versions = append(s.Versions, "Kubernetes "+version)
	if c.APIOnly {
		return
	}
	var nodes []string
	for _, n := range specs(dir, c).Nodes() {
		node, err := bootstrap.Node(ctx, dir.Kubeconfig(), n.Name)
		if err != nil {
			s.Problems = append(s.Problems, err.Error())
			continue
		}
		text := node.Name + " is ready"
		if reason := bootstrap.NotReady(node); reason != "" {
			text = node.Name + " is not ready: " + reason
			s.Problems = append(s.Problems, text)
		}
		nodes = append(nodes, text)
		if info := node.Status.NodeInfo; n.Number == 1 {
			s.Versions = append(s.Versions, info.ContainerRuntimeVersion, "kernel "+info.KernelVersion)
		}
	}
	s.Node = strings.Join(nodes, ", ")
}

// trouble returns the problems of a cluster that should be up, or nil if there are none.
func trouble(ctx context.Context, dir state.Dir, c state.Cluster) error {
	status := Look(ctx, dir, c)
	return status.Problem()
}
