# A language model from a config.json: what is asked of it, by whose count, with adapters.
cat >config.json <<'JSON'
{"model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "hidden_size": 64,
 "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
 "num_key_value_heads": 2, "vocab_size": 1000, "num_local_experts": 8, "num_experts_per_tok": 2,
 "sliding_window": 16}
JSON
$FLOPWISE count config.json --batch 2 --seq 64 --precision bf16 --top 2 --convention palm
$FLOPWISE count config.json --batch 2 --seq 64 --format json --convention megatron |
    jq -c '.language, .convention, .convention_differences'
for convention in 6nd kaplan chinchilla; do
    $FLOPWISE count config.json --batch 2 --seq 64 --infer --format json --convention $convention |
        jq -c '.convention, .convention_differences'
done
$FLOPWISE count config.json --format json | jq -c '.formulas["forward.matmul_flop"]'
$FLOPWISE count config.json --batch 1 --seq 8 --lora r=4,targets=q_proj+o_proj --format json |
    jq -c '.totals | [.params, .trainable_params, .backward_weight.mac]'
$FLOPWISE count config.json --batch 1 --seq 8 --head none --format json | jq .totals.params
for how in "" "--attention flash" "--recompute selective" "--recompute layers"; do
    # shellcheck disable=SC2086 # a list of options
    $FLOPWISE memory config.json --batch 1 --seq 64 --precision bf16 $how --format json |
        jq .training.activation_bytes
done
# a mask and weights that all layers of an exported network share hinder no checkpoint
for how in none full layers; do
    $FLOPWISE memory models/gpt2_124m_nobias.onnx --recompute $how --format json |
        jq .training.peak_bytes
done
$FLOPWISE count config.json --lora rank=4
$FLOPWISE count config.json --lora r=4,targets=nobody
$FLOPWISE count config.json --lora r=4,targets=q_proj+nobody
$FLOPWISE count config.json --lora r=4,r=8
$FLOPWISE count models/lstm_dyn.onnx --convention 6nd
$FLOPWISE count models/lstm_dyn.onnx --attention flash
