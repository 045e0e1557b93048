package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/load/scale/etcd"
	"github.com/sluice-ci/sluice/test/load/scale/load"
	"github.com/sluice-ci/sluice/test/load/scale/meter"
	"github.com/sluice-ci/sluice/test/load/scale/node"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// nameFinished is the name of the scenario with finished runs only.
const nameFinished = "finished"

// started is what a controller needs to start in a cluster with many finished runs.
type started struct {
	Runs int `json:"runs"`
	// Ready is the time from the start of the process until it is ready, and Idle until its queues are empty.
	Ready time.Duration `json:"readyNanoseconds"`
	Idle  time.Duration `json:"idleNanoseconds"`

	meter.Reading `json:",inline"`
}

// asDeployed are the settings of the Go runtime in config/controller.
func asDeployed() []string { return []string{"GOGC=30", "GOMEMLIMIT=440MiB"} }

// measureFinished fills etcd with finished TaskRuns, and starts a controller.
func measureFinished(ctx context.Context, cluster *kube.Cluster, binary string, runs int) (started, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	namespace := fmt.Sprintf("scale-%s-%d", nameFinished, time.Now().Unix())
	if err := makeNamespace(ctx, cluster, namespace); err != nil {
		return started{}, err
	}
	log, err := os.CreateTemp("", "sluice-scale-*.log")
	if err != nil {
		return started{}, err
	}
	defer log.Close()
	fmt.Fprintf(os.Stderr, "==> %s: %d runs; the controller's log is %s\n", nameFinished, runs, log.Name())
	if err := fill(ctx, cluster, binary, namespace, runs, log); err != nil {
		return started{}, err
	}
	begin := time.Now()
	controller, err := startController(ctx, binary, log, asDeployed())
	if err != nil {
		return started{}, err
	}
	s, err := watchStart(ctx, controller, begin)
	s.Runs = runs
	return s, errors.Join(err, controller.Stop())
}

// watchStart waits until a controller is ready and idle.
func watchStart(ctx context.Context, controller *meter.Controller, begin time.Time) (started, error) {
	s := started{}
	if err := controller.AwaitReady(ctx); err != nil {
		return s, err
	}
	s.Ready = time.Since(begin)
	if err := controller.AwaitIdle(ctx); err != nil {
		return s, err
	}
	s.Idle = time.Since(begin)
	var err error
	s.Reading, err = controller.Read()
	return s, err
}

// fill lets a controller bring one TaskRun to its end, and copies it until there are enough.
func fill(ctx context.Context, cluster *kube.Cluster, binary, namespace string, runs int, log *os.File) error {
	store, err := etcd.Open(os.Getenv("LOCALKUBE_DIR"))
	if err != nil {
		return err
	}
	controller, err := startController(ctx, binary, log, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(finishOne(ctx, cluster, namespace), controller.Stop()); err != nil {
		return err
	}
	if err := load.Copies(ctx, cluster.Client, store, namespace, runs); err != nil {
		return err
	}
	last := &v1.TaskRun{}
	key := client.ObjectKey{Namespace: namespace, Name: load.CopyName(runs - 1)}
	// The API server's own cache must have the copies, so that its work to read them from etcd does not count.
	fromCache := &client.GetOptions{Raw: &metav1.GetOptions{ResourceVersion: "0"}}
	err = kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		return cluster.Client.Get(ctx, key, last, fromCache) == nil, nil
	})
	if err == nil && !last.Status.Done() {
		err = fmt.Errorf("TaskRun %q has not ended", last.Name)
	}
	return err
}

// finishOne runs the TaskRun that is copied.
func finishOne(ctx context.Context, cluster *kube.Cluster, namespace string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	played := make(chan error, 1)
	player := node.New(cluster.Kube, load.Result, "a result of a few words", 1, load.MoreResults()...)
	go func() { played <- player.Run(ctx, namespace) }()
	ended := make(chan error, 1)
	go func() {
		err := cluster.Client.Create(ctx, load.Sample(namespace))
		if err == nil {
			err = load.AwaitTaskRun(ctx, cluster.Client, load.Sample(namespace))
		}
		ended <- err
	}()
	select {
	case err := <-played:
		return err
	case err := <-ended:
		return err
	}
}

// report prints what a start needed.
func (s started) report(w io.Writer) {
	const mib = 1 << 20
	fmt.Fprintf(w, "%d finished TaskRuns: ready after %.1f s, idle after %.1f s, %.1f s of processor time, "+
		"%d MiB resident, %d MiB at the peak\n", s.Runs, s.Ready.Seconds(), s.Idle.Seconds(), s.Processor.Seconds(), s.Resident/mib, s.Peak/mib)
}
