namespace Camels.Engine.Data;

/// <summary>
/// The weighted templates that turn instruction, input and output into a conversation (open-instruct's instruction templates; strings and
/// weights are prescribed, typing slips included). One is drawn per record.
/// </summary>
public static class InstructionTemplates
{
    // Weights in hundredths.
    private static readonly (int Weight, Func<string, string, string> Prompt)[] _withInput =
    [
        (20, (instruction, input) => $"{instruction}\n\n{input}\n\n"),
        (10, (instruction, input) => $"{instruction}\n{input}\n\n"),
        (10, (instruction, input) => $"{instruction}\n{input}\n"),
        (5, (instruction, input) => $"{instruction}\n\nInput: {input}\n\nOutput:"),
        (5, (instruction, input) => $"{instruction}\nInput: {input}\nOutput:"),
        (5, (instruction, input) => $"{instruction}\n{input}\n\nResponse:"),
        (5, (instruction, input) => $"{instruction}\n\nAdditional Context:\n{input}\n\nAnswer:"),
        (5, (instruction, input) => $"Task: {instruction}\nInput: {input}\nOutput:"),
        (5, (instruction, input) => $"Task: {instruction}\n\n{input}\n\n"),
        (5, (instruction, input) => $"Task: {instruction}\n\n{input}\n\nAnswer:"),
        (5, (instruction, input) => $"You need to complete the following task:\n\n{instruction}\n\n{input}\n\nAnswer:"),
        (5, (instruction, input) => $"{instruction}\n\nNow complete the following instance -\nInput: {input}\nOutput:"),
        (5, (instruction, input) => $"Instruction:{instruction}\n\nInput: {input}\n\n"),
        (10, (instruction, input) =>
            "Below is an instruction that describes a task, paired with an input that provides further context. "
            + "Write a response that appropriately completes the request.\n\n"
            + $"### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:"),
    ];

    private static readonly (int Weight, Func<string, string> Prompt, string BeforeOutput)[] _withoutInput =
    [
        (20, instruction => $"{instruction}\n\n", ""),
        (10, instruction => $"{instruction}\n", ""),
        (10, instruction => $"{instruction}", "\n"),
        (5, instruction => $"{instruction} Output:", ""),
        (5, instruction => $"{instruction}\nResponse:", ""),
        (5, instruction => $"{instruction}\n\nAnswer:", ""),
        (5, instruction => $"Task: {instruction}\n\n", ""),
        (5, instruction => $"Instruction: {instruction}\n", ""),
        (5, instruction => $"Instruction: {instruction}\nOutput:", ""),
        (5, instruction => $"You need to complete the following task:\n\n{instruction}\n\n", ""),
        (5, instruction => $"Can you help with this?\n\n{instruction}\n", ""),
        (5, instruction => $"Plase answer the following request: {instruction}\nAnswer:", ""),
        (5, instruction => $"Tell me how would you respond to the following request.\n{instruction}\n", ""),
        (10, instruction =>
            "Write a response that appropriately completes the request.\n\n"
            + $"### Instruction:\n{instruction}\n\n### Response:", ""),
    ];

    /// <summary>
    /// The conversation of one instruction record. The template depends on nothing but seed, dataset name and record index, so it is the same
    /// in any order and on any number of threads.
    /// </summary>
    /// <param name="place">Where the record was read.</param>
    /// <param name="index">Number of the record in its source, from 0.</param>
    /// <param name="dataset">The dataset's name, not an alias.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="instruction">What to do.</param>
    /// <param name="input">What to do it with; null or blank: the templates without input.</param>
    /// <param name="output">The answer.</param>
    public static Conversation Fill(
        RecordPlace place, long index, string dataset, ulong seed, string instruction, string? input, string output)
    {
        instruction = PlainText.Strip(instruction).ToString();
        input = PlainText.Strip(input).ToString();
        output = PlainText.Strip(output).ToString();
        int hundredth = Draw(seed, dataset, index);

        string prompt;
        string completion = output;
        if (input.Length > 0)
        {
            prompt = Pick(_withInput, hundredth, entry => entry.Weight).Prompt(instruction, input);
        }
        else
        {
            (_, Func<string, string> fill, string beforeOutput) = Pick(_withoutInput, hundredth, entry => entry.Weight);
            prompt = fill(instruction);
            completion = beforeOutput + output;
        }

        Message answer = new(Role.Assistant, output);
        return new Conversation(
            place, index, [new(Role.User, prompt), new(Role.Assistant, completion)], ContentOf(instruction, input, answer));
    }

    /// <summary>What such a record says, whatever dresses it: equal for duplicates.</summary>
    internal static Message[] ContentOf(string instruction, string input, Message answer) =>
        [new(Role.User, input.Length > 0 ? $"{instruction}\n\n{input}" : instruction), answer];

    private static T Pick<T>(T[] table, int hundredth, Func<T, int> weight)
    {
        int i = 0;
        for (int left = hundredth; left >= weight(table[i]); i++)
        {
            left -= weight(table[i]);
        }

        return table[i];
    }

    // 0 to 99.
    private static int Draw(ulong seed, string dataset, long index) => (int)Math.BigMul(RandomBits.Of(seed, dataset, index), 100, out _);
}
