namespace Prisma.Sae;

/// <summary>How another library calls what is trained here: enough to start from its files and to write a trace that can be laid beside its own.</summary>
public sealed record ReferenceNames
{
    /// <summary>Its trainers, as configurations name them.</summary>
    public IReadOnlyList<string> Trainers { get; init; } = [];

    /// <summary>Its parameters → ours; <c>decoder.T</c> means the transpose.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    /// <summary>Its tensors beside the parameters (<c>threshold</c>, counters) → ours: <c>threshold</c>, <c>silent</c>, <c>fired</c>.</summary>
    public IReadOnlyDictionary<string, string> State { get; init; } = new Dictionary<string, string>();

    /// <summary>Its tensors that training does not change; they are handed through from its start.</summary>
    public IReadOnlyList<string> Constants { get; init; } = [];

    /// <summary>Its losses → sums of our terms; <c>weighted aux</c> includes the weight.</summary>
    public IReadOnlyDictionary<string, string> Losses { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// Its hyper-parameters → paths of our settings, several separated by <c>;</c>, each optionally with a factor and an addend (<c>schedule.end*0.1</c>, <c>options.threshold.rate*-1+1</c>). An empty
    /// string says that the value changes nothing here.
    /// </summary>
    public IReadOnlyDictionary<string, string> Hyperparameters { get; init; } = new Dictionary<string, string>();

    /// <summary>Values of its hyper-parameters that are words: <c>lr_scheduler_name=cosine</c> → a piece of settings.</summary>
    public IReadOnlyDictionary<string, System.Text.Json.Nodes.JsonObject> Choices { get; init; } = new Dictionary<string, System.Text.Json.Nodes.JsonObject>();
}
