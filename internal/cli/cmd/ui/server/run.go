package server

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/draw"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/model"
	"github.com/sluice-ci/sluice/internal/cli/logreader"
	"github.com/sluice-ci/sluice/internal/cli/resultview"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/tree"
)

// errNone is in every error about a run, task or result that does not exist.
var errNone = errors.New("not found")

// detail is the JSON of one run on the page, without logs and the values of results.
type detail struct {
	entry

	Message string `json:"message"`
	// Graph is an SVG image for the page; empty if there is nothing to draw yet.
	Graph string `json:"graph"`
	Tasks []task `json:"tasks"`
	// Results has no values. The page requests each value separately.
	Results []resultview.Result `json:"results"`
	// Artifacts are what the run read and made.
	Artifacts []resultview.Artifact `json:"artifacts"`
}

// task is a TaskRun or CustomRun of the run or of a PipelineRun within it, or the run itself.
type task struct {
	Name string `json:"name"`
	// TaskRun is the name of the object; empty for a CustomRun, which has no log.
	TaskRun string     `json:"taskRun"`
	State   runs.State `json:"state"`
	Message string     `json:"message"`
	Seconds float64    `json:"seconds"`
	Steps   []step     `json:"steps"`
}

type step struct {
	Name    string     `json:"name"`
	State   runs.State `json:"state"`
	Note    string     `json:"note"`
	Seconds float64    `json:"seconds"`
}

func (s *Server) detailOf(snapshot runs.Snapshot) detail {
	now := s.Now()
	d := detail{
		entry: entryOf(snapshot.Run, now), Message: snapshot.Run.Message(), Tasks: []task{}, Results: resultview.Of(snapshot),
		Artifacts: resultview.Artifacts(snapshot),
	}
	if g, err := model.OfRun(snapshot, now); err == nil {
		d.Graph = draw.Inline(g)
	}
	for _, leaf := range snapshot.Leaves() {
		tr := leaf.TaskRun
		r := runs.OfTask(tr)
		t := task{
			Name:    leaf.Name,
			TaskRun: tr.Name,
			State:   r.State(),
			Message: r.Message(),
			Seconds: r.Took(now).Seconds(),
			Steps:   []step{},
		}
		for _, n := range tree.Of(runs.Snapshot{Run: r, Tasks: []*v1.TaskRun{tr}}, now).Children {
			t.Steps = append(t.Steps, step{n.Name, n.State, n.Note, n.Took.Seconds()})
		}
		d.Tasks = append(d.Tasks, t)
	}
	d.Tasks = append(d.Tasks, customTasks(snapshot, now)...)
	return d
}

// customTasks returns the CustomRuns of a run, and of the PipelineRuns within it.
func customTasks(snapshot runs.Snapshot, now time.Time) []task {
	var all []task
	for _, nested := range snapshot.All() {
		for i := range nested.Snapshot.Others {
			child := &nested.Snapshot.Others[i]
			if child.Kind != v1beta1.KindCustomRun {
				continue
			}
			t := task{
				Name: nested.Path + nested.Snapshot.Label(i), State: child.State(), Seconds: child.Took(now).Seconds(), Steps: []step{},
			}
			if child.Condition != nil {
				t.Message = child.Condition.Message
			}
			all = append(all, t)
		}
	}
	return all
}

// read reads the run with the kind and the name of the path.
func (s *Server) read(r *http.Request) (runs.Snapshot, error) {
	kind, ok := runs.KindOf(r.PathValue("kind"))
	if !ok {
		return runs.Snapshot{}, fmt.Errorf("cannot read kind %q: %w", r.PathValue("kind"), errNone)
	}
	found := runs.New(kind)
	key := client.ObjectKey{Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}
	if err := s.Cluster.Client.Get(r.Context(), key, found.Object()); err != nil {
		return runs.Snapshot{}, err
	}
	return runs.Read(r.Context(), s.Cluster, found)
}

func (s *Server) run(w http.ResponseWriter, r *http.Request) {
	snapshot, err := s.read(r)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, s.detailOf(snapshot))
}

// runEvents sends a run at once, and then whenever it changes, until it has ended.
func (s *Server) runEvents(w http.ResponseWriter, r *http.Request) {
	snapshot, err := s.read(r)
	if err != nil {
		fail(w, err)
		return
	}
	out, ok := newStream(w)
	if !ok {
		return
	}
	if err := out.send("run", s.detailOf(snapshot)); err != nil {
		return
	}
	first := true
	out.end(runs.Watch(r.Context(), s.Cluster, snapshot.Run, func(now runs.Snapshot) error {
		if first {
			first = false // the snapshot has no TaskRuns yet
			return nil
		}
		return out.send("run", s.detailOf(now))
	}))
}

func (s *Server) graph(w http.ResponseWriter, r *http.Request) {
	snapshot, err := s.read(r)
	if err != nil {
		fail(w, err)
		return
	}
	g, err := model.OfRun(snapshot, s.Now())
	if err != nil {
		fail(w, errors.Join(err, errNone))
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	// The image contains its styles, and needs nothing else.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": snapshot.Run.Name() + ".svg"}))
	_, _ = w.Write([]byte(draw.SVG(g))) //nolint:gosec // draw escapes every text, and nothing runs in a download
}

// result responds with the bytes of one result.
func (s *Server) result(w http.ResponseWriter, r *http.Request) {
	snapshot, err := s.read(r)
	if err != nil {
		fail(w, err)
		return
	}
	name := r.URL.Query().Get("name")
	all := resultview.Of(snapshot)
	i := slices.IndexFunc(all, func(v resultview.Result) bool { return v.Name == name })
	if i < 0 {
		fail(w, fmt.Errorf("cannot find result %q: %w", name, errNone))
		return
	}
	// A browser must never show the bytes as a page, whatever they are.
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Sluice-Sha256", all[i].SHA256)
	if r.URL.Query().Has("download") {
		file := strings.ReplaceAll(name, "/", "-")
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": file}))
	}
	_, _ = w.Write(all[i].Bytes()) //nolint:gosec // it is served as text, with nosniff and without any right to run
}

// logs sends the log lines of one TaskRun until it has ended: of the given task, or of the first one.
func (s *Server) logs(w http.ResponseWriter, r *http.Request) {
	snapshot, err := s.read(r)
	if err != nil {
		fail(w, err)
		return
	}
	name, leaves := r.URL.Query().Get("task"), snapshot.Leaves()
	i := slices.IndexFunc(leaves, func(leaf runs.Leaf) bool { return leaf.Matches(name) })
	if i < 0 {
		fail(w, fmt.Errorf("cannot find task %q: %w", name, errNone))
		return
	}
	out, ok := newStream(w)
	if !ok {
		return
	}
	out.end(s.follow(r.Context(), out, leaves[i].Name, leaves[i].TaskRun, r.URL.Query().Get("step")))
}

// line is a line of a log.
type line struct {
	Step    string `json:"step"`
	Attempt int    `json:"attempt"`
	Time    string `json:"time"`
	Text    string `json:"text"`
}

func (s *Server) follow(ctx context.Context, out *stream, name string, tr *v1.TaskRun, step string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reader := &logreader.Reader{
		Pods: s.Cluster.Kube.CoreV1(), Selection: logreader.Selection{Step: step},
		Emit: func(l logreader.Line) {
			if out.send("line", line{l.Step, l.Attempt, l.Time, l.Text}) != nil {
				cancel() // the browser has closed the connection
			}
		},
		Gone: func(message string) { _ = out.send("gone", map[string]string{"message": message}) }, // as above
	}
	if runs.OfTask(tr).Done() {
		return reader.Print(ctx, name, tr)
	}
	board := logreader.NewBoard(tr)
	go watchInto(ctx, s.Cluster, tr, board)
	return reader.Follow(ctx, name, board)
}

// watchInto keeps a board up to date.
func watchInto(ctx context.Context, c *cluster.Cluster, tr *v1.TaskRun, board *logreader.Board) {
	defer board.Close()
	// An error means that the run is deleted or that the connection is closed. In both cases the log ends.
	_ = runs.Watch(ctx, c, runs.OfTask(tr), func(now runs.Snapshot) error {
		board.Set(now.Run.TaskRun)
		return nil
	})
}
