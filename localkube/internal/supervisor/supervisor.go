// Package supervisor is the one background process of a cluster: it starts all other processes, owns them and records their
// state. When it ends, for any reason, the kernel ends them too.
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
	// startTimeout bounds the start of one component. It is long because the first start on a busy machine is slow.
	startTimeout = 2 * time.Minute
	// probeInterval is the pause between two health checks of a starting component.
	probeInterval = 50 * time.Millisecond
)

// Supervisor owns the processes of one cluster.
type Supervisor struct {
	cluster  component.Cluster
	children *children
	progress *progress

	// orders allows one order at a time.
	orders sync.Mutex

	mu         sync.Mutex
	components []state.Component
	// running holds each component as it was last started, by its name. It may have ended since.
	running map[string]*running
}

func newSupervisor(cluster component.Cluster, children *children, progress *progress) *Supervisor {
	return &Supervisor{cluster: cluster, children: children, progress: progress, running: map[string]*running{}}
}

// Run is the supervisor's main function. It returns when it is asked to end, or if the cluster could not be started. Launch
// describes the inherited files.
func Run(cluster component.Cluster) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	// Children must not inherit the files of the supervisor.
	for fd := progressFD; fd < nameserverFD+len(cluster.Nameservers); fd++ {
		unix.CloseOnExec(fd)
	}
	s := newSupervisor(cluster, newChildren(), newProgress(os.NewFile(progressFD, "progress")))
	if err := s.bringUp(ctx); err != nil {
		s.progress.report(Event{Error: err.Error()})
		return err
	}
	s.progress.report(Event{Ready: true})
	<-ctx.Done()
	return nil
}

func (s *Supervisor) bringUp(ctx context.Context) error {
	bring := s.bringUpNode
	switch {
	case s.cluster.APIOnly:
		bring = s.startControlPlane
	case s.cluster.Self().Number > 1:
		bring = s.bringUpWorker
	}
	if err := bring(ctx); err != nil {
		return err
	}
	return s.serveOrders(ctx)
}

// startControlPlane starts etcd and the API server. The API server starts at once, because it waits for etcd.
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

// step reports the duration of a step.
func (s *Supervisor) step(name string, do func() error) error {
	began := time.Now()
	if err := do(); err != nil {
		return err
	}
	s.progress.report(Event{Step: name, Took: time.Since(began)})
	return nil
}

// running is a component that was started.
type running struct {
	spec  component.Spec
	child *child
	began time.Time
	// ended is closed after the component has ended and its end was recorded.
	ended chan struct{}
	// unwanted is true if the component was asked to end. The Supervisor's lock guards it.
	unwanted bool
}

// start starts a component, records it and watches for its end.
func (s *Supervisor) start(spec component.Spec) (*running, error) {
	return s.startWith(spec, func(*exec.Cmd) {})
}

// startWith starts a component with a changed command.
func (s *Supervisor) startWith(spec component.Spec, change func(*exec.Cmd)) (*running, error) {
	log, err := os.OpenFile(s.cluster.Home().Log(spec.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot open log of %q: %w", spec.Name, err)
	}
	defer log.Close()
	path := spec.Path
	if path == "" {
		path = "/proc/self/exe" // this binary, even if the file was replaced in the meantime
	}
	cmd := &exec.Cmd{
		Path:   path,
		Args:   append([]string{spec.Name}, spec.Args...),
		Env:    append(os.Environ(), spec.Env...),
		Dir:    string(s.cluster.Dir),
		Stdout: log,
		Stderr: log,
	}
	change(cmd)
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

// watch records a component's end. It does not restart the component, because a test must see that a component died.
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

// record stores the state of a component, and replaces the earlier record of the same name. The end is empty while it runs.
func (s *Supervisor) record(r *running, end string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[r.spec.Name] = r
	return s.save(r.component(end))
}

// component returns the record of a component with that end.
func (r *running) component(end string) state.Component {
	return state.Component{Name: r.spec.Name, Process: r.child.process, Since: r.began, Ended: end}
}

// save replaces the record of the same name. The caller holds the lock.
func (s *Supervisor) save(c state.Component) error {
	i := slices.IndexFunc(s.components, func(one state.Component) bool { return one.Name == c.Name })
	if i < 0 {
		s.components = append(s.components, c)
	} else {
		s.components[i] = c
	}
	return s.cluster.Home().SaveComponents(s.components)
}

// await waits until the component is healthy, and reports that as a step that began with the component's start.
func (s *Supervisor) await(ctx context.Context, r *running) error {
	if err := s.healthy(ctx, r); err != nil {
		return err
	}
	s.progress.report(Event{Step: r.spec.Name, Took: time.Since(r.began)})
	return nil
}

// healthy waits until the component is healthy.
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
			return fmt.Errorf("cannot start %q: it ended; its log is %s", r.spec.Name, s.cluster.Home().Log(r.spec.Name))
		case <-ctx.Done():
			return fmt.Errorf("cannot start %q: not healthy after %s (its log is %s): %w",
				r.spec.Name, time.Since(r.began).Round(time.Second), s.cluster.Home().Log(r.spec.Name), last)
		case <-time.After(probeInterval):
		}
	}
}
