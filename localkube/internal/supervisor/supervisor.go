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

	mu         sync.Mutex
	components []state.Component
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
	s := &Supervisor{
		cluster:  cluster,
		children: newChildren(),
		progress: newProgress(os.NewFile(progressFD, "progress")),
	}
	if err := s.bringUp(ctx); err != nil {
		s.progress.tell(Event{Error: err.Error()})
		return err
	}
	s.progress.tell(Event{Ready: true})
	<-ctx.Done()
	return nil
}

func (s *Supervisor) bringUp(ctx context.Context) error {
	if s.cluster.APIOnly {
		return s.startControlPlane(ctx)
	}
	return s.bringUpNode(ctx)
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
		Dir:    s.cluster.Dir.Path(),
		Stdout: log,
		Stderr: log,
	}
	r := &running{spec: spec, began: time.Now(), ended: make(chan struct{})}
	if r.child, err = s.children.start(cmd); err != nil {
		return nil, fmt.Errorf("cannot start %q: %w", spec.Name, err)
	}
	if err := s.record(state.Component{Name: spec.Name, Process: r.child.process, Since: r.began}); err != nil {
		return nil, err
	}
	go s.watch(r)
	return r, nil
}

// watch records a component's end. Nothing is restarted: in a test a component that dies has to be seen.
func (s *Supervisor) watch(r *running) {
	status := <-r.child.ended
	fmt.Printf("%s %s %s\n", time.Now().Format(time.RFC3339), r.spec.Name, describe(status))
	s.mu.Lock()
	for i := range s.components {
		if s.components[i].Name == r.spec.Name {
			s.components[i].Ended = describe(status)
		}
	}
	err := s.cluster.Dir.SaveComponents(s.components)
	s.mu.Unlock()
	if err != nil {
		fmt.Println(err)
	}
	close(r.ended)
}

func (s *Supervisor) record(c state.Component) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.components = append(s.components, c)
	return s.cluster.Dir.SaveComponents(s.components)
}

// await waits until the component is healthy, and reports it as a step that began with the component's start.
func (s *Supervisor) await(ctx context.Context, r *running) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	last := errors.New("never asked")
	for {
		if err := r.spec.Healthy(ctx); err == nil {
			s.progress.tell(Event{Step: r.spec.Name, Took: time.Since(r.began)})
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
