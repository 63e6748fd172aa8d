namespace Prisma.Sae;

/// <summary>Told how a run goes.</summary>
public interface ITrainSink
{
    /// <summary>A coder was measured.</summary>
    void Measured(TrainMeasurement measurement);

    /// <summary>Something that the user should look at before the run ends.</summary>
    void Warned(string coder, long step, string warning);
}
