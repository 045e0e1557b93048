package port

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestListenNamesTheProcessThatUsesThePort(t *testing.T) {
	taken, err := Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = Listen(Number(taken))
	if err == nil {
		t.Fatal("two listeners got the same port")
	}
	for _, want := range []string{fmt.Sprintf("port %d", Number(taken)), fmt.Sprintf("process %d", os.Getpid())} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %q: %v", want, err)
		}
	}
}

func TestFreePortIsUsable(t *testing.T) {
	number, err := Free()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := Listen(number)
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
}

func TestListeningInode(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:192B 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 111 1 0 20 4 30 10 -1
   1: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0
`
	cases := map[string]struct {
		reason string
		port   int
		want   string
	}{
		"Listening": {reason: "Only the listening socket counts.", port: 0x192B, want: "222"},
		"Remote":    {reason: "The remote port of a connection does not count.", port: 0x1F90},
		"Header":    {reason: "The first line is a header.", port: 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := listeningInode(table, tc.port)
			if got != tc.want || ok != (tc.want != "") {
				t.Errorf("%s\nlisteningInode() = %q, %t; want %q", tc.reason, got, ok, tc.want)
			}
		})
	}
}
