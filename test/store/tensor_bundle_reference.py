"""Makes test/store/tensor-bundle.json: checkpoints of TensorFlow, the files of each in base64.

python3 test/store/tensor_bundle_reference.py > test/store/tensor-bundle.json   (tensorflow 2.21.0)
"""
import base64, json, os, tempfile
import tensorflow as tf

folder = tempfile.mkdtemp()


def files(prefix):
    names = sorted(name for name in os.listdir(folder) if name.startswith(prefix + "."))
    return {name: base64.b64encode(open(os.path.join(folder, name), "rb").read()).decode() for name in names}


def save(prefix, tensors):
    names = sorted(tensors)
    path = os.path.join(folder, prefix)
    tf.raw_ops.SaveV2(prefix=path, tensor_names=names, shape_and_slices=[""] * len(names), tensors=[tensors[n] for n in names])
    return path


types = {
    "float": tf.reshape(tf.range(6.0), [2, 3]),
    "double": tf.constant([0.1], tf.float64),
    "half": tf.constant([1.5, -2.0], tf.float16),
    "bfloat": tf.constant([1.5, -2.0], tf.bfloat16),
    "int": tf.constant([-7]),
    "long": tf.constant([2**40], tf.int64),
    "byte": tf.constant([255], tf.uint8),
    "bool": tf.constant([True, False]),
    "scalar": tf.constant(3.5),
    "empty": tf.zeros([0, 4]),
    "text": tf.constant(["ab", "c"]),
}
save("types", types)
parts = [save("part-%d" % i, {"shard/%d" % i: tf.constant([float(i), i + 0.5])}) for i in range(2)]
tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=os.path.join(folder, "sharded"))
# more than one block of names
save("many", {"layer_%03d/kernel" % i: tf.constant([float(i)]) for i in range(300)})
sliced = os.path.join(folder, "sliced")
tf.raw_ops.SaveV2(prefix=sliced, tensor_names=["w"], shape_and_slices=["4 0,2"], tensors=[tf.constant([1.0, 2.0])])


class Module(tf.Module):
    def __init__(self):
        self.inner = tf.Variable([1.0, 2.0], name="bert/pooler/dense/bias")
        self.steps = tf.Variable(3, name="global_step")


tf.train.Checkpoint(model=Module()).write(os.path.join(folder, "objects"))


print(json.dumps({
    "by": "tensorflow " + tf.__version__ + ", test/store/tensor_bundle_reference.py",
    **{name: files(name) for name in ["types", "sharded", "many", "sliced", "objects"]},
}, indent=2))
