// Package supervisor is the one background process of a cluster: it starts all others, owns them and records how they fare.
// When it ends, in whatever way, the kernel ends them too.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/state"
)

const (
	// startTimeout bounds the start of one component. It is generous because a loaded machine takes long for its first start.
	startTimeout = 2 * time.Minute
	// probeInterval is how often a starting component is asked whether it is there.
	probeInterval = 50 * time.Millisecond
)

// Supervisor owns the processes of one cluster.
type Supervisor struct {
	cluster  component.Cluster
	children *children
	progress *progress

	// orders lets one order be done at a time.
	orders sync.Mutex

	mu         sync.Mutex
	components []state.Component
	// running holds each component as it was last started, by its name; it may have ended since.
	running map[string]*running
}

func newSupervisor(cluster component.Cluster, children *children, progress *progress) *Supervisor {
	return &Supervisor{cluster: cluster, children: children, progress: progress, running: map[string]*running{}}
}

// Run is the supervisor's main function. It returns when it was told to end, or when the cluster could not be started.
// Inherited files: see Launch.
func Run(cluster component.Cluster) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	// What the supervisor inherited is not for its children.
	for fd := progressFD; fd < nameserverFD+len(cluster.Nameservers); fd++ {
		unix.CloseOnExec(fd)
	}
	s := newSupervisor(cluster, newChildren(), newProgress(os.NewFile(progressFD, "progress")))
	if err := s.bringUp(ctx); err != nil {
		s.progress.tell(Event{Error: err.Error()})
		return err
	}
	s.progress.tell(Event{Ready: true})
	<-ctx.Done()
	return nil
}

func (s *Supervisor) bringUp(ctx context.Context) error {
	bring := s.bringUpNode
	if s.cluster.APIOnly {
		bring = s.startControlPlane
	}
	if err := bring(ctx); err != nil {
		return err
	}
	return s.serveOrders(ctx)
}

// startControlPlane starts the store and the API server. The API server is started at once, it waits for the store itself.
func (s *Supervisor) startControlPlane(ctx context.Context) error {
	etcd, err := s.start(s.cluster.EtcdSpec())
	if err != nil {
		return err
	}
	server, err := s.start(s.cluster.APIServerSpec())
	if err != nil {
		return err
	}
	if err := s.await(ctx, etcd); err != nil {
		return err
	}
	return s.await(ctx, server)
}

// step reports how long something took.
func (s *Supervisor) step(name string, do func() error) error {
	began := time.Now()
	if err := do(); err != nil {
		return err
	}
	s.progress.tell(Event{Step: name, Took: time.Since(began)})
	return nil
}

// running is a component that was started.
type running struct {
	spec  component.Spec
	child *child
	began time.Time
	// ended is closed after the component has ended and its end was recorded.
	ended chan struct{}
	// unwanted says that it was asked to end; the Supervisor's lock guards it.
	unwanted bool
}

// start starts a component, records it and watches for its end.
func (s *Supervisor) start(spec component.Spec) (*running, error) {
	log, err := os.OpenFile(s.cluster.Dir.Log(spec.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot open log of %q: %w", spec.Name, err)
	}
	defer log.Close()
	path := spec.Path
	if path == "" {
		path = "/proc/self/exe" // this very binary, even if the file was replaced in the meantime
	}
	cmd := &exec.Cmd{
		Path:   path,
		Args:   append([]string{spec.Name}, spec.Args...),
		Env:    append(os.Environ(), spec.Env...),
		Dir:    string(s.cluster.Dir),
		Stdout: log,
		Stderr: log,
	}
	r := &running{spec: spec, began: time.Now(), ended: make(chan struct{})}
	if r.child, err = s.children.start(cmd); err != nil {
		return nil, fmt.Errorf("cannot start %q: %w", spec.Name, err)
	}
	if err := s.record(r, ""); err != nil {
		return nil, err
	}
	go s.watch(r)
	return r, nil
}

// watch records a component's end. Nothing is restarted unless somebody asks for it: in a test a component that dies has
// to be seen.
func (s *Supervisor) watch(r *running) {
	status := <-r.child.ended
	how := describe(status)
	s.mu.Lock()
	if r.unwanted {
		how = stoppedOnRequest
	}
	s.mu.Unlock()
	fmt.Printf("%s %s %s\n", time.Now().Format(time.RFC3339), r.spec.Name, how)
	if err := s.record(r, how); err != nil {
		fmt.Println(err)
	}
	close(r.ended)
}

// record writes down how a component fares, in place of what was known about one of its name. The end is empty while it runs.
func (s *Supervisor) record(r *running, end string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[r.spec.Name] = r
	c := state.Component{Name: r.spec.Name, Process: r.child.process, Since: r.began, Ended: end}
	i := slices.IndexFunc(s.components, func(one state.Component) bool { return one.Name == c.Name })
	if i < 0 {
		s.components = append(s.components, c)
	} else {
		s.components[i] = c
	}
	return s.cluster.Dir.SaveComponents(s.components)
}

// await waits until the component is healthy, and reports it as a step that began with the component's start.
func (s *Supervisor) await(ctx context.Context, r *running) error {
	if err := s.healthy(ctx, r); err != nil {
		return err
	}
	s.progress.tell(Event{Step: r.spec.Name, Took: time.Since(r.began)})
	return nil
}

// healthy waits until the component says that it is.
func (s *Supervisor) healthy(ctx context.Context, r *running) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	last := errors.New("never asked")
	for {
		if err := r.spec.Healthy(ctx); err == nil {
			return nil
		} else if ctx.Err() == nil {
			last = err
		}
		select {
		case <-r.ended:
			return fmt.Errorf("cannot start %q: it ended; its log is %s", r.spec.Name, s.cluster.Dir.Log(r.spec.Name))
		case <-ctx.Done():
			return fmt.Errorf("cannot start %q: not healthy after %s (its log is %s): %w",
				r.spec.Name, time.Since(r.began).Round(time.Second), s.cluster.Dir.Log(r.spec.Name), last)
		case <-time.After(probeInterval):
		}
	}
}
