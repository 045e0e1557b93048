package doctor

import (
	"bufio"
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/config"
)

// Storage reads the metrics of the API server.
type Storage func(ctx context.Context, c *cluster.Cluster) ([]byte, error)

// scraped reads them from the API server.
func scraped(ctx context.Context, c *cluster.Cluster) ([]byte, error) {
	return c.Kube.CoreV1().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
}

const (
	// sizeMetric is the length of the file of etcd, which its quota limits.
	sizeMetric = "apiserver_storage_size_bytes"
	// nearFull and almostFull are the percentages of the quota from which there is a warning, and a problem.
	nearFull   = 80
	almostFull = 95
)

// fixStorage is what to do if etcd is nearly full.
const fixStorage = "see which runs can go: sluice prune --dry-run -A; let old ones be deleted: " + config.KeyRetention +
	" in ConfigMap " + config.DefaultsName

// stored compares the size of etcd with its quota, and shows what the controller has reported about finished runs.
func stored(ctx context.Context, p *patient) []Finding {
	var findings []Finding
	quota := p.etcdQuota(ctx)
	text, err := p.readers.Storage(ctx, p.cluster)
	switch size, known := sizeOf(text); {
	case err != nil:
		findings = append(findings, warning("ask for the right to get the path /metrics", "cannot check how full etcd is: %v", err))
	case !known:
		findings = append(findings, ok("the API server does not report how full etcd is"))
	default:
		findings = append(findings, judgeStorage(size, quota))
	}
	return append(findings, p.reportsAboutRuns(ctx)...)
}

func judgeStorage(size, quota int64) Finding {
	const mib = 1 << 20
	switch {
	case quota <= 0:
		return ok("etcd has %d MiB; its quota is not known (%s is 0)", size/mib, config.KeyEtcdQuota)
	case size >= quota/100*almostFull:
		return trouble(fixStorage, "etcd has %d MiB of %d (%s): a full etcd accepts no more writes for the whole cluster", size/mib, quota/mib,
			config.KeyEtcdQuota)
	case size >= quota/100*nearFull:
		return warning(fixStorage, "etcd has %d MiB of %d (%s)", size/mib, quota/mib, config.KeyEtcdQuota)
	default:
		return ok("etcd has %d MiB of %d (%s)", size/mib, quota/mib, config.KeyEtcdQuota)
	}
}

// sizeOf returns the largest value of the metric, because each server of etcd has its own; ok is false if there is none.
func sizeOf(metrics []byte) (size int64, ok bool) {
	lines := bufio.NewScanner(bytes.NewReader(metrics))
	lines.Buffer(nil, len(metrics)+1)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, sizeMetric+"{") && !strings.HasPrefix(line, sizeMetric+" ") {
			continue
		}
		value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err == nil {
			size, ok = max(size, int64(value)), true
		}
	}
	return size, ok
}

// etcdQuota returns the setting.
func (p *patient) etcdQuota(ctx context.Context) int64 {
	if p.beside != nil {
		parsed, _ := p.beside.layers.Parse([]config.ResultsFrom{config.TerminationMessage, config.SidecarLogs})
		return parsed.Defaults.EtcdQuota
	}
	var cm corev1.ConfigMap
	if p.cluster.Client.Get(ctx, client.ObjectKey{Namespace: p.namespace(), Name: config.DefaultsName}, &cm) != nil {
		return config.DefaultEtcdQuota // the check of the settings says so
	}
	defaults, _ := config.ParseDefaults(cm.Data)
	return defaults.EtcdQuota
}

// reportsAboutRuns returns the warnings of the controller about finished runs, which are events of the last hour.
func (p *patient) reportsAboutRuns(ctx context.Context) []Finding {
	var list eventsv1.EventList
	if err := p.cluster.Client.List(ctx, &list, client.InNamespace(p.cluster.Scope())); err != nil {
		return []Finding{warning("ask for the right to list events.events.k8s.io "+inNamespace(p.cluster.Scope()),
			"cannot read the warnings about finished runs: %v", err)}
	}
	latest := map[string]*eventsv1.Event{}
	for i := range list.Items {
		e := &list.Items[i]
		about := e.Reason + "/" + e.Namespace
		if e.ReportingController != bundle.Deployment || !slices.Contains(reportedReasons(), e.Reason) {
			continue
		}
		if known := latest[about]; known == nil || known.EventTime.Before(&e.EventTime) {
			latest[about] = e
		}
	}
	var findings []Finding
	for _, e := range latest {
		findings = append(findings, warning(fixStorage, "%s: %s", e.Namespace, terminal.Line(e.Note)))
	}
	slices.SortFunc(findings, func(a, b Finding) int { return strings.Compare(a.What, b.What) })
	return findings
}

// reportedReasons are the reasons of events about finished runs (internal/retention/sweep).
func reportedReasons() []string {
	return []string{"StoredRunsNearQuota", "StoredRunsNearLimit", "StoredRunsOverLimit", "RetentionForbidden", "RunDeletedBeforeEvents"}
}
