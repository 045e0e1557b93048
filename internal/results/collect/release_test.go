package collect

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/budget"
)

// TestForgetting: a run that is deleted while its log is being read leaves nothing behind: no task, no goroutine (the
// bubble would not end), no open log.
func TestForgetting(t *testing.T) {
	owner := target().Owner
	forget := map[string]func(*Collector){
		"Forget":      func(c *Collector) { c.Forget("uid") },
		"ForgetOwner": func(c *Collector) { c.ForgetOwner(owner) },
	}
	replies := map[string]reply{
		"opening": refuses(), "reading": hangs(whole(t)[:300]), "dripping": drips(time.Second),
		"waiting to try again": fails(errAway), "given up": gives(nil), "collected": gives(whole(t)),
		"waiting for room": gives(large(t, 1, largest)),
	}
	for how, forget := range forget {
		for when, does := range replies {
			for _, ended := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%v", how, when, ended), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						memory := NewMemory()
						others := memory.LeaseFor("ns")
						if when == "waiting for room" && !others.Grow(memory.Most()) {
							t.Fatal("want a share")
						}
						c := New(&script{replies: []reply{does}}, func(types.NamespacedName) {}, Options{Memory: memory})
						before := memory.Held()
						c.Watch(target(), ended)
						<-time.After(5050 * time.Millisecond)
						forget(c)
						forget(c) // again is no mistake
						synctest.Wait()
						if got := c.Progress("uid"); got != (Progress{}) || len(c.tasks)+len(c.owners) != 0 {
							t.Errorf("%+v is left, and %d tasks", got, len(c.tasks))
						}
						if len(c.readers.taken)+len(c.followers.taken) != 0 {
							t.Errorf("places are still taken: %d, %d", len(c.readers.taken), len(c.followers.taken))
						}
						if load := c.Load(); load.Reserved != before || load.WaitingForRoom != 0 {
							t.Errorf("%d bytes are still reserved, and %d wait for some", load.Reserved-before, load.WaitingForRoom)
						}
						if others.End(); memory.Held() != 0 {
							t.Errorf("%d bytes were reserved after the end", memory.Held())
						}
					})
				})
			}
		}
	}
}

// TestForgetOwnerLeavesOthers: only the owner's collections are dropped, all of them.
func TestForgetOwnerLeavesOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(&script{replies: []reply{gives(whole(t))}}, func(types.NamespacedName) {}, Options{})
		watch := func(key, owner string) {
			c.Watch(Target{Key: types.UID(key), Owner: types.NamespacedName{Name: owner}, Want: want()}, true)
		}
		watch("1", "gone")
		watch("2", "gone") // deleted and made again under the same name
		watch("3", "there")
		synctest.Wait()
		c.ForgetOwner(types.NamespacedName{Name: "gone"})
		c.ForgetOwner(types.NamespacedName{Name: "nobody"})
		for key, want := range map[types.UID]bool{"1": false, "2": false, "3": true} {
			if got := c.Progress(key).Set != nil; got != want {
				t.Errorf("results of %s are there: %v, want %v", key, got, want)
			}
		}
	})
}

// TestForgottenIsNotToldOf: no owner is woken for a run that is deleted, whatever response still arrives for it.
func TestForgottenIsNotToldOf(t *testing.T) {
	for _, ended := range []bool{false, true} {
		t.Run(fmt.Sprint(ended), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hold := make(chan struct{})
				stubborn := func(ctx context.Context, log Log) (io.ReadCloser, error) {
					<-hold // it does not go by its context
					return gives(whole(t))(ctx, log)
				}
				woken := make(chan struct{}, 10)
				c := New(&script{replies: []reply{fails(errAway), stubborn}}, func(types.NamespacedName) { woken <- struct{}{} }, Options{})
				c.Watch(target(), ended)
				<-woken
				<-time.After(time.Second)
				c.ForgetOwner(target().Owner)
				close(hold)
				synctest.Wait()
				if len(woken) > 0 {
					t.Error("somebody is woken for a run that is gone")
				}
			})
		})
	}
}

// TestForgettingReleasesMemory: results are up to 1.5 MiB for each run.
func TestForgettingReleasesMemory(t *testing.T) {
	woken := make(chan types.NamespacedName, 10)
	c := New(&script{replies: []reply{gives(whole(t))}}, func(n types.NamespacedName) { woken <- n }, Options{})
	c.Watch(target(), true)
	<-woken
	held := weak.Make(c.Progress("uid").Set)
	c.ForgetOwner(target().Owner)
	limit := time.After(30 * time.Second)
	for held.Value() != nil {
		runtime.GC()
		select {
		case <-limit:
			t.Fatal("a set is still held that nobody can ask for")
		default:
		}
	}
	runtime.KeepAlive(c)
}

// TestManyAtOnce: everything at once, for the race detector; and in the end nothing is left.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		replies := []reply{
			gives(whole(t)),
			gives(large(t, 1, 10_000)),
			gives(nil),
			fails(errAway),
			hangs(whole(t)[:300]),
			refuses(),
			breaks(whole(t)[:200], io.ErrUnexpectedEOF),
		}
		source := LogSourceFn(func(ctx context.Context, log Log) (io.ReadCloser, error) {
			return replies[rand.IntN(len(replies))](ctx, log)
		})
		var c *Collector
		c = New(source, func(n types.NamespacedName) { _ = c.Progress(types.UID(n.Name)) }, Options{
			MaxFollowers: 5,
			MaxReaders:   3,
			Memory:       budget.NewShared(800<<10, 400<<10),
		})
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for range 200 {
					name := fmt.Sprint(rand.IntN(30))
					tgt := Target{Key: types.UID(name), Pod: name, Owner: types.NamespacedName{Name: name}, Want: want()}
					switch rand.IntN(5) {
					case 0:
						c.Forget(tgt.Key)
					case 1:
						c.ForgetOwner(tgt.Owner)
					default:
						c.Watch(tgt, rand.IntN(2) == 0)
					}
					<-time.After(time.Duration(rand.IntN(int(time.Second))))
				}
			})
		}
		all.Wait()
		for i := range 30 {
			c.Forget(types.UID(fmt.Sprint(i)))
		}
		synctest.Wait()
		if len(c.tasks)+len(c.owners)+len(c.readers.taken)+len(c.followers.taken) != 0 {
			t.Errorf("left: %d tasks, %d owners, %d readers, %d followers",
				len(c.tasks), len(c.owners), len(c.readers.taken), len(c.followers.taken))
		}
		if load := c.Load(); load.Reserved != 0 || load.WaitingForRoom != 0 {
			t.Errorf("%d bytes are still reserved, and %d wait for some", load.Reserved, load.WaitingForRoom)
		}
	})
}
