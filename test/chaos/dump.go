package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/test/chaos/check"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// folder returns the folder for the evidence about a run.
func (d *driver) folder(c *check.Case) string {
	return filepath.Join(d.options.findings, fmt.Sprintf("seed-%d", d.options.seed), fmt.Sprintf("run-%d", c.Plan.Number))
}

// dump writes everything that is known about a run: its objects, their histories, its ledger, its pods and their logs.
func (d *driver) dump(ctx context.Context, c *check.Case, found []check.Finding) {
	folder := d.folder(c)
	files := map[string]any{"history.yaml": c.Histories, "ledger.yaml": c.Ledger, "events.yaml": c.Events, "plan.yaml": c.Plan}
	if c.PipelineRun != nil {
		files["pipelinerun.yaml"] = c.PipelineRun
	}
	for _, tr := range c.TaskRuns {
		files["taskrun-"+tr.Name+".yaml"] = tr
	}
	for _, pod := range d.podsOf(ctx, c) {
		files["pod-"+pod.Name+".yaml"] = &pod
		for _, container := range pod.Spec.Containers {
			options := &corev1.PodLogOptions{Container: container.Name, Timestamps: true}
			log, err := d.cluster.Kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).DoRaw(ctx)
			files["log-"+pod.Name+"-"+container.Name+".txt"] = append(log, text(err)...)
		}
	}
	files["controller.log"] = controllerLog(ctx, d.cluster)
	var b bytes.Buffer
	for _, f := range found {
		fmt.Fprintln(&b, f)
	}
	files["findings.txt"] = b.Bytes()
	if err := writeAll(folder, files); err != nil {
		d.tally.trouble(c.Plan.Number, err)
	}
}

// controllerLog returns what the leader has logged in the last ten minutes.
func controllerLog(ctx context.Context, cluster *kube.Cluster) []byte {
	leader, _, err := cluster.Leader(ctx)
	if err != nil {
		return []byte(text(err))
	}
	long := int64(600)
	log, err := cluster.Kube.CoreV1().Pods(leader.Namespace).GetLogs(leader.Name, &corev1.PodLogOptions{SinceSeconds: &long}).DoRaw(ctx)
	return append(log, text(err)...)
}

// writeAll writes files by their names into a folder that it creates.
func writeAll(folder string, files map[string]any) error {
	err := os.MkdirAll(folder, 0o755)
	for name, content := range files {
		err = errors.Join(err, write(filepath.Join(folder, name), content))
	}
	return err
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error() + "\n"
}

func write(path string, content any) error {
	b, ok := content.([]byte)
	if !ok {
		var err error
		if b, err = yaml.Marshal(content); err != nil {
			return fmt.Errorf("cannot encode %q: %w", path, err)
		}
	}
	return os.WriteFile(path, b, 0o644)
}

// podsOf lists the pods of a run that still exist.
func (d *driver) podsOf(ctx context.Context, c *check.Case) []corev1.Pod {
	var pods corev1.PodList
	if err := d.cluster.Client.List(ctx, &pods, client.InNamespace(d.setting.Namespace)); err != nil {
		return nil
	}
	var mine []corev1.Pod
	for _, pod := range pods.Items {
		for _, name := range names(c) {
			if owner := metav1.GetControllerOf(&pod); owner != nil && owner.Name == name && strings.HasPrefix(pod.Name, name) {
				mine = append(mine, pod)
			}
		}
	}
	return mine
}
