namespace Prisma.Demo;

/// <summary>Where a training run stands: running means of the loss (with the patch task) and of the share of right answers on the training scenes.</summary>
public readonly record struct TrainingProgress(int Step, int Steps, double Loss, double Accuracy, TimeSpan Elapsed)
{
    /// <summary>The time left, if the rest goes as fast as what was done.</summary>
    public TimeSpan Remaining => Elapsed / Step * (Steps - Step);
}
