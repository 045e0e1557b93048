package git

import (
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/internal/resolvers/dispatch"
	"github.com/sluice-ci/sluice/internal/resolvers/git/gittest"
)

// TestOneFetchForManyRequests: 200 requests for one commit, of two namespaces, cost the server one pack.
func TestOneFetchForManyRequests(t *testing.T) {
	root := t.TempDir()
	repository := gittest.New(t, root, "catalog.git")
	repository.Write("task.yaml", task)
	revision := repository.Commit()
	server := gittest.Serve(t, root)
	r := New(Options{Network: gittest.Network(map[string]*httptest.Server{gittest.Host: server.Server})})
	limits := func() dispatch.Limits { return dispatch.Limits{MaxEntries: 10, TTL: time.Minute} }
	pool := dispatch.NewPool(dispatch.NewCache(limits, time.Now), dispatch.Options{})
	var work sync.WaitGroup
	for i := range 200 {
		asked := request(t, nil, nil, "url=https://"+gittest.Host+"/catalog.git", "revision="+revision, "pathInRepo=task.yaml")
		work.Go(func() {
			plan, err := r.Prepare(t.Context(), asked)
			if err != nil {
				t.Error(err)
				return
			}
			got, release, err := pool.Do(t.Context(), dispatch.Job{
				Resolver: Type, Namespace: []string{"one", "two"}[i%2], Timeout: time.Minute, Plan: plan,
			})
			defer release()
			if err != nil || string(got.Content) != task {
				t.Errorf("want the definition, got %v: %v", err, cause(err))
			}
		})
	}
	work.Wait()
	if packs := server.Packs.Load(); packs != 1 {
		t.Errorf("want one pack for 200 requests, got %d", packs)
	}
}
