using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Prisma.Demo;

/// <summary>Trains a <see cref="TrainableVit"/> on scenes drawn as it goes.</summary>
internal sealed class VitTrainer : IDisposable
{
    private readonly DemoVitOptions _options;
    private readonly TrainableVit _vit;
    private readonly ShardedTrainer _trainer;

    public VitTrainer(TrainableVit vit)
    {
        (_vit, _options) = (vit, vit.Options);
        _trainer = new ShardedTrainer(vit.BlockMatrices, vit.Trained.Except(vit.BlockMatrices), _options.Recipe, Loss);
    }

    /// <summary>All steps of the options.</summary>
    public void Run(IProgress<TrainingProgress> progress, CancellationToken stop) => _trainer.Run(progress, stop);

    public void Dispose() => _trainer.Dispose();

    private (Tensor Loss, double Right) Loss(long first, int count)
    {
        SceneBatch batch = SceneBatch.Draw(SceneSplit.Training, first, count);
        using var scope = NewDisposeScope();
        (Tensor classes, Tensor patches) = _vit.Forward(tensor(batch.Pixels, [count, 3, Scene.Width, Scene.Width]));
        Tensor labels = tensor(batch.Labels), loss = functional.cross_entropy(classes, tensor(Answers(batch), classes.shape));
        double right = classes.argmax(1).eq(labels).to(float32).mean().item<float>();
        if (_options.PatchTask > 0) loss = loss.add(PatchTask.Loss(patches, PatchTask.Answers(batch, _options.Patch)), _options.PatchTask);
        return (loss.MoveToOuterDisposeScope(), right);
    }

    /// <summary>The probabilities to learn, [scenes, classes].</summary>
    private float[] Answers(SceneBatch batch)
    {
        int classes = Enum.GetValues<ShapeKind>().Length;
        var answers = new float[batch.Scenes.Count * classes];
        for (int scene = 0; scene < batch.Scenes.Count; scene++)
        {
            Scene drawn = batch.Scenes[scene];
            float part = (float)(_options.OthersShare / (drawn.Objects.Count - 1));
            foreach (SceneObject item in drawn.Objects)
                answers[scene * classes + (int)item.Shape] += item.Marked ? (float)(1 - _options.OthersShare) : part;
        }
        return answers;
    }
}
