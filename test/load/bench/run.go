package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-ci/sluice/test/load/bench/load"
	"github.com/sluice-ci/sluice/test/load/bench/measure"
	"github.com/sluice-ci/sluice/test/load/bench/record"
	"github.com/sluice-ci/sluice/test/load/bench/resolved"
	"github.com/sluice-ci/sluice/test/load/bench/usage"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// run runs all selected measurements. With an error it returns those that were completed.
func run(ctx context.Context, o *options) (file *record.File, err error) {
	rows, err := load.Select(o.only)
	if err != nil {
		return nil, err
	}
	var modes []string
	if o.modes != "" {
		modes = strings.Split(o.modes, ",")
	}
	cluster, err := kube.Connect()
	if err != nil {
		return nil, err
	}
	bench := &measure.Bench{Client: cluster.Client, Kube: cluster.Kube, Installation: o.place.Namespace, Image: o.image}
	file = &record.File{When: time.Now().UTC().Truncate(time.Second)}
	if bench.Controller, err = open(ctx, cluster, o.place); err != nil {
		return nil, err
	}
	defer func() {
		if bench.Controller != nil {
			err = errors.Join(err, bench.Controller.Close())
		}
	}()
	if file.Machine, err = machine(ctx, cluster, bench.Controller); err != nil {
		return nil, err
	}
	restore, err := bench.Remember(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, restore()) }()
	namespace, remove, err := makeNamespace(ctx, cluster)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	bench.Namespace = namespace
	rows, undo, err := prepareResolved(ctx, cluster, bench, rows)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, undo()) }()
	return file, measureAll(ctx, bench, load.Plan(rows, modes, o.n, o.rounds, o.held), file)
}

// prepareResolved prepares the rows whose Task comes through the resolvers. It leaves them out on clusters without a registry for
// the bundle. undo restores the resolvers.
func prepareResolved(ctx context.Context, cluster *kube.Cluster, bench *measure.Bench, rows []load.Row) (
	measured []load.Row, undo func() error, err error,
) {
	isResolved := func(r load.Row) bool { return r.Resolved }
	i := slices.IndexFunc(rows, isResolved)
	if i < 0 {
		return rows, func() error { return nil }, nil
	}
	if here, pods := resolved.Registries(); here == "" || pods == "" {
		fmt.Fprintln(os.Stderr, "==> leaving out the row resolved: it needs the registry of localkube")
		return slices.DeleteFunc(rows, isResolved), func() error { return nil }, nil
	}
	bench.Reference, undo, err = resolved.Prepare(ctx, cluster, rows[i].Task(bench.Image))
	return rows, undo, err
}

func measureAll(ctx context.Context, bench *measure.Bench, plan []load.Batch, file *record.File) error {
	mode := ""
	for i, batch := range plan {
		fmt.Fprintf(os.Stderr, "==> %s %d of %d: %s × %d, %s\n",
			time.Now().Format(time.TimeOnly), i+1, len(plan), batch.Name, batch.N, batch.Mode)
		if batch.Mode != mode {
			if err := bench.Use(ctx, batch.Mode); err != nil {
				return err
			}
			mode = batch.Mode
		}
		measured, err := bench.Measure(ctx, batch)
		if err != nil {
			return err
		}
		file.Batches = append(file.Batches, measured)
	}
	return nil
}

// open finds the controller. Without a controller only times are measured.
func open(ctx context.Context, cluster *kube.Cluster, place usage.Place) (*usage.Controller, error) {
	if place.Deployment == "" {
		return nil, nil //nolint:nilnil // the controller's process is not on this machine
	}
	return usage.Open(ctx, cluster.Kube, place)
}

// machine describes the machine, by the first node.
func machine(ctx context.Context, cluster *kube.Cluster, controller *usage.Controller) (record.Machine, error) {
	nodes, err := cluster.Kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return record.Machine{}, fmt.Errorf("cannot list nodes: %w", err)
	}
	m := record.Machine{Processors: runtime.NumCPU()}
	for _, node := range nodes.Items {
		m.Memory = node.Status.Capacity.Memory().Value()
		m.Kubernetes, m.Runtime = node.Status.NodeInfo.KubeletVersion, node.Status.NodeInfo.ContainerRuntimeVersion
	}
	if controller != nil {
		m.Controller = controller.Image
	}
	return m, nil
}

// makeNamespace creates a namespace for one run of the benchmark. It returns its name, and a function that deletes it.
func makeNamespace(ctx context.Context, cluster *kube.Cluster) (string, func() error, error) {
	name, err := cluster.MakeNamespace(ctx, nil)
	if err != nil {
		return "", nil, err
	}
	return name, func() error {
		const patience = 10 * time.Second
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		return cluster.Client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}, nil
}
