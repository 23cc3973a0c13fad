/* Recurrent layers: seq 3 (or T), batch 2 (or N), input 4, hidden 5, so a direction has
 * 6 * 5 = 30 hidden units over all steps and 6 * gates * 5 * (4 + 5) fma. */
#include "support/op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_rnn__forward(void **state);
void test_rnn__gradient(void **state);
void test_rnn__refuses(void **state);

void test_rnn__forward(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "LSTM",
         .in = {"f32[T,N,4]", "f32[1,20,4]", "f32[1,20,5]", "f32[1,40]"},
         .out = {"f32[T,1,N,5]", "f32[1,N,5]", "f32[1,N,5]"},
         .cost = "fma=180*T*N add=75*T*N mul=15*T*N div=15*T*N special=25*T*N"},
        {.name = "LSTM",
         .attrs = "layout=1 hidden_size=5 direction=reverse",
         .in = {"f32[2,3,4]", "f32[1,20,4]", "f32[1,20,5]", "-", "-", "f32[2,1,5]"},
         .out = {"f32[2,3,1,5]", "f32[2,1,5]"},
         .cost = "fma=1080 add=210 mul=90 div=90 special=150"},
        {.name = "LSTM",
         .attrs = "input_forget=1",
         .in = {"f32[3,2,4]", "f32[1,20,4]", "f32[1,20,5]", "-", "-", "-", "-", "f32[1,15]"},
         .out = {"-", "f32[1,2,5]"},
         .cost = "fma=1080 add=240 mul=150 div=60 special=120"},
        {.name = "GRU",
         .in = {"f32[3,2,4]", "f32[1,15,4]", "f32[1,15,5]"},
         .out = {"f32[3,1,2,5]", "f32[1,2,5]"},
         .cost = "fma=810 add=180 mul=60 div=60 special=90"},
        {.name = "GRU",
         .attrs = "linear_before_reset=1 direction=bidirectional",
         .in = {"f32[3,2,4]", "f32[2,15,4]", "f32[2,15,5]", "f32[2,30]", "i32[2]"},
         .out = {"f32[3,2,2,5]", "f32[2,2,5]"},
         .cost = "fma=1620 add=780 mul=120 div=120 special=180"},
        {.name = "RNN",
         .attrs = "activations=Relu,tanh direction=bidirectional clip=1",
         .in = {"f32[3,2,4]", "f32[2,5,4]", "f32[2,5,5]"},
         .out = {"f32[3,2,2,5]", "f32[2,2,5]"},
         .cost = "fma=540 minmax=150 special=30"},
        // as the operator Softplus
        {.name = "RNN",
         .attrs = "activations=Softplus",
         .in = {"f32[3,2,4]", "f32[1,5,4]", "f32[1,5,5]"},
         .out = {"f32[3,1,2,5]"},
         .cost = "fma=270 add=90 minmax=60 special=60"},
    };
    OP_CASES_RUN(cases);
}

void test_rnn__gradient(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "LSTM",
         .in = {"*f32[3,2,4]", "param f32[1,20,4]", "param f32[1,20,5]", "param f32[1,40]"},
         .out = {"f32[3,1,2,5]", "f32[1,2,5]", "f32[1,2,5]", "f32[3,1,2,25]"},
         .no_dy = 0xe,
         .train = true,
         .backward_input = "fma=880 add=210 mul=480 special=30",
         .backward_weight = "fma=1080 add=100"},
        /* a first layer has no dX; nobody used Y but its last row */
        {.name = "LSTM",
         .in = {"f32[3,2,4]", "param f32[1,20,4]", "param f32[1,20,5]"},
         .out = {"f32[3,1,2,5]", "f32[1,2,5]", "f32[1,2,5]", "f32[3,1,2,25]"},
         .no_dy = 0xd,
         .train = true,
         .backward_input = "fma=400 add=180 mul=480 special=30",
         .backward_weight = "fma=1080"},
        {.name = "LSTM",
         .in = {"f32[3,2,4]", "param f32[1,20,4]", "f32[1,20,5]", "-", "-", "*f32[1,2,5]",
                "*f32[1,2,5]", "param f32[1,15]"},
         .out = {"f32[3,1,2,5]", "f32[1,2,5]", "f32[1,2,5]", "f32[3,1,2,25]"},
         .no_dy = 0xe,
         .train = true,
         .backward_input = "fma=600 add=300 mul=570 special=30",
         .backward_weight = "fma=480 mul=90 add=75"},
        {.name = "GRU",
         .in = {"f32[3,2,4]", "param f32[1,15,4]", "param f32[1,15,5]"},
         .out = {"f32[3,1,2,5]", "f32[1,2,5]", "f32[3,1,2,15]"},
         .no_dy = 6,
         .train = true,
         .backward_input = "fma=300 add=210 mul=300",
         .backward_weight = "fma=810 mul=30"},
        // a given first state: the reset gate's gradient needs the new state's product there too
        {.name = "GRU",
         .in = {"f32[3,2,4]", "param f32[1,15,4]", "param f32[1,15,5]", "-", "-", "f32[1,2,5]"},
         .out = {"f32[3,1,2,5]", "f32[1,2,5]", "f32[3,1,2,15]"},
         .no_dy = 6,
         .train = true,
         .backward_input = "fma=350 add=210 mul=300",
         .backward_weight = "fma=810 mul=30"},
        {.name = "GRU",
         .attrs = "linear_before_reset=1 layout=1",
         .in = {"*f32[2,3,4]", "param f32[1,15,4]", "param f32[1,15,5]", "param f32[1,30]"},
         .out = {"f32[2,3,1,5]", "f32[2,1,5]", "f32[3,1,2,20]"},
         .no_dy = 6,
         .train = true,
         .backward_input = "fma=660 add=180 mul=300",
         .backward_weight = "fma=810 add=100"},
        {.name = "RNN",
         .in = {"*f32[3,2,4]", "param f32[1,5,4]", "param f32[1,5,5]"},
         .out = {"f32[3,1,2,5]", "f32[1,2,5]"},
         .no_dy = 2,
         .train = true,
         .backward_input = "fma=220 add=60 mul=60",
         .backward_weight = "fma=270"},
    };
    OP_CASES_RUN(cases);
}

void test_rnn__refuses(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "LSTM", .in = {"f32[3,2,4]", "f32[1,19,4]", "f32[1,20,5]"}, .fails = FW_SHAPE},
        {.name = "LSTM", .in = {"f32[3,2,6]", "f32[1,20,4]", "f32[1,20,5]"}, .fails = FW_SHAPE},
        {.name = "GRU",
         .attrs = "direction=bidirectional",
         .in = {"f32[3,2,4]", "f32[1,15,4]", "f32[1,15,5]"},
         .fails = FW_SHAPE},
        {.name = "GRU",
         .attrs = "direction=sideways",
         .in = {"f32[3,2,4]", "f32[1,15,4]", "f32[1,15,5]"},
         .fails = FW_FORMAT},
        {.name = "RNN",
         .attrs = "activations=Sinc",
         .in = {"f32[3,2,4]", "f32[1,5,4]", "f32[1,5,5]"},
         .fails = FW_UNSUPPORTED},
        // what a kernel reads besides: biases, lengths, peepholes
        {.name = "RNN",
         .in = {"f32[3,2,4]", "f32[1,5,4]", "f32[1,5,5]", "f32[1,5]"},
         .fails = FW_SHAPE},
        {.name = "RNN",
         .in = {"f32[3,2,4]", "f32[1,5,4]", "f32[1,5,5]", "-", "i32[1]"},
         .fails = FW_SHAPE},
        {.name = "LSTM",
         .in = {"f32[3,2,4]", "f32[1,20,4]", "f32[1,20,5]", "-", "-", "-", "-", "f32[1,5]"},
         .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}
