// mangrove-render renders templates for mangrovectl: requests are lines of JSON on standard input, answers lines of JSON on
// standard output, in the same order. It is started without privileges, network and file system; the directory that is its
// argument is all that templates can include from.
//
//	{"common": {…}}                                        what all nodes share; no answer
//	{"template": 3, "name": "etc/hosts.tmpl", "text": "…"}  {"template": 3, "shared": true}
//	{"node": {…}}                                          the node of the requests that follow; no answer
//	{"render": 3}                                          {"files": [{"name": "", "contents": "…"}]}
//
// Texts and contents are base64. An answer with "error" is one that failed. A template that exceeds its time gets such an
// answer, and the process ends with exit code 3, because nothing else ends a template.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	mostSeconds = 2
	exitTimeout = 3
)

type request struct {
	Common   *common   `json:"common"`
	Template *int      `json:"template"`
	Name     string    `json:"name"`
	Text     []byte    `json:"text"`
	Node     *wireNode `json:"node"`
	Render   *int      `json:"render"`
}

type answer struct {
	Template *int   `json:"template,omitempty"`
	Shared   bool   `json:"shared,omitempty"`
	Files    []file `json:"files,omitempty"`
	Error    string `json:"error,omitempty"`
	Fatal    bool   `json:"fatal,omitempty"` // the process ends
}

// watch ends the process when a template needs too much time. The main thread holds it between templates.
type watch struct {
	sync.Mutex
	out     *bufio.Writer
	running string
	until   time.Duration
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func (w *watch) begin(name string) {
	w.running = name
	w.until = processorTime() + mostSeconds*time.Second
	w.Unlock()
}

func (w *watch) end() {
	w.Lock()
	w.running = ""
}

func (w *watch) run() {
	for range time.Tick(50 * time.Millisecond) {
		w.Lock()
		if w.running != "" && processorTime() > w.until {
			say(w.out, answer{Fatal: true, Error: fmt.Sprintf("template: %s: did not end within %d seconds; does it loop?", w.running, mostSeconds)})
			w.out.Flush()
			os.Exit(exitTimeout)
		}
		w.Unlock()
	}
}

func say(out *bufio.Writer, a answer) {
	line, err := json.Marshal(a)
	if err != nil {
		line = []byte(`{"error": "the answer cannot be written as JSON"}`)
	}
	out.Write(append(line, '\n'))
}

type server struct {
	renderer *renderer
	watch    *watch
	out      *bufio.Writer
}

func (s *server) take(line []byte) error {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return err
	}
	switch {
	case r.Common != nil:
		s.renderer.setCommon(r.Common)
	case r.Node != nil:
		s.renderer.setNode(r.Node)
	case r.Template != nil:
		shared, err := s.renderer.add(*r.Template, r.Name, string(r.Text))
		say(s.out, answer{Template: r.Template, Shared: shared, Error: textOf(err)})
	case r.Render != nil:
		s.watch.begin(s.renderer.nameOf(*r.Render))
		files, err := s.renderer.render(*r.Render)
		s.watch.end()
		say(s.out, answer{Files: files, Error: textOf(err)})
	}
	return nil
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func serve(in *bufio.Reader, s *server) error {
	for {
		if in.Buffered() == 0 {
			if err := s.out.Flush(); err != nil {
				return err
			}
		}
		line, err := in.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return s.out.Flush()
		}
		if err != nil && err != io.EOF {
			return err
		}
		if err := s.take(line); err != nil {
			return err
		}
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: mangrove-render INCLUDE-DIRECTORY")
		os.Exit(2)
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	s := &server{renderer: newRenderer(os.Args[1]), watch: &watch{out: out}, out: out}
	s.watch.Lock()
	go s.watch.run()
	if err := serve(bufio.NewReaderSize(os.Stdin, 1<<16), s); err != nil {
		fmt.Fprintf(os.Stderr, "mangrove-render: %v\n", err)
		os.Exit(1)
	}
}
