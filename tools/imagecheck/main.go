// Imagecheck builds the release images with ko into a registry in memory. It fails if an image is too large, contains a file
// other than its program, or runs as root. It prints the size of each image and its ID: the digest of the configuration, which
// covers the contents and does not depend on the registry.
//
//	imagecheck -ko KO IMPORTPATH=MIB…
//
// Arguments after the first "--" are passed to `ko build`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
)

// limit is the maximum size of one image.
type limit struct {
	importPath string
	bytes      int64
}

func main() {
	ko := flag.String("ko", "ko", "the ko program")
	flag.Parse()
	if err := run(*ko, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ko string, args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var options []string
	if i := slices.Index(args, "--"); i >= 0 {
		args, options = args[:i], args[i+1:]
	}
	limits, err := parse(args)
	if err != nil {
		return err
	}
	b, err := newBuilder(ctx, ko, options)
	if err != nil {
		return err
	}
	defer b.close()
	for _, l := range limits {
		image, err := b.build(ctx, l.importPath)
		if err != nil {
			return err
		}
		size, err := check(image, l.bytes)
		if err != nil {
			return fmt.Errorf("the image of %s: %w", l.importPath, err)
		}
		id, err := image.ConfigName()
		if err != nil {
			return fmt.Errorf("the image of %s: cannot compute the ID: %w", l.importPath, err)
		}
		fmt.Printf("%s: %d of %d bytes unpacked, ID %s\n", l.importPath, size, l.bytes, id)
	}
	return nil
}

func parse(args []string) ([]limit, error) {
	var limits []limit
	for _, arg := range args {
		path, mib, ok := strings.Cut(arg, "=")
		n, err := strconv.ParseInt(mib, 10, 32)
		if !ok || err != nil || n < 1 {
			return nil, fmt.Errorf("cannot use %q: want IMPORTPATH=MIB, with a whole number of MiB", arg)
		}
		limits = append(limits, limit{path, n << 20})
	}
	if len(limits) == 0 {
		return nil, fmt.Errorf("no image to check: give IMPORTPATH=MIB")
	}
	return limits, nil
}
